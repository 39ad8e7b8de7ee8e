"""Adafactor: the second moments of a matrix are kept as one vector for its rows and one for its columns.

A tensor of more than two dimensions counts as a matrix, its first dimension by all others: a convolution's kernel has a
row for each output channel. One of fewer than two has a second moment for each element.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import axpy_, choose, each, is_zero, lerp_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class FactoredStep(Transform):
    """row, column <- running means of u^2 + eps1 over columns and rows, with beta2 = 1 - t^beta2_decay
    U = u / sqrt(row column / mean(row));  U <- U / max(1, RMS(U) / d)
    u <- rho max(eps2, RMS(p)) U + lr weight_decay p,  rho = min(lr, 1 / sqrt(t)).

    relative_step=False: rho = lr. scale_parameter=False: without max(eps2, RMS(p)). rho is no multiple of lr, so
    applies_lr.
    """

    applies_lr: ClassVar[bool] = True
    beta2_decay: float
    eps: tuple[float, float]
    d: float
    weight_decay: float
    relative_step: bool
    scale_parameter: bool

    def init(self, p: Tensor, h: Hyper) -> State:
        if p.ndim < 2:
            return {"v": zeros(p)}
        return {"row": p.new_zeros(p.shape[0]), "column": p.new_zeros(math.prod(p.shape[1:]))}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        gain, means = ctx.t ** h["beta2_decay"], [s[name] for name in ("v", "row", "column") if name in s]
        return each(lambda u, p, *means: self._step(_normalized(u, means, gain, h["eps"][0]), p, h, ctx), u, p, *means)

    def _step(self, u: Tensor, p: Tensor, h: Hyper, ctx: Context) -> Tensor:
        rate: Any = h["lr"]
        if self.relative_step:
            cap = ctx.t**-0.5
            rate = choose(h["lr"] < cap, lambda: h["lr"], lambda: cap)
        if self.scale_parameter:
            rate = rate * _rms(p).clamp_min(h["eps"][1])
        u.mul_(rate / (_rms(u) / h["d"]).clamp_min(1))
        return u if is_zero(h["weight_decay"]) else axpy_(h["lr"] * h["weight_decay"], p, u)


def _normalized(u: Tensor, means: tuple[Tensor, ...], gain: Any, eps: Any) -> Tensor:
    """u over the root of its second moment, a new tensor; `means` are brought up to date, with weight `gain`."""
    square = (u * u).add_(eps)
    if len(means) == 1:
        return lerp_(means[0], square, gain).rsqrt().mul_(u)
    square = square.flatten(1)
    row, column = lerp_(means[0], square.mean(1), gain), lerp_(means[1], square.mean(0), gain)
    by_row = (row / row.mean()).rsqrt().reshape(-1, *[1] * (u.ndim - 1))
    return (u * by_row).mul_(column.rsqrt().reshape(u.shape[1:]))


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()


@dataclass(frozen=True)
class AdafactorConfig(OptimizerConfig):
    """Configuration of optim.Adafactor, where the arguments are documented."""

    name: ClassVar[str] = "adafactor"
    lr: float = ranged(0.01, "[0, inf)")
    beta2_decay: float = ranged(-0.8, "(-inf, 0]")
    eps: tuple[float, float] = ranged((1e-30, 1e-3), "[0, inf)")
    d: float = ranged(1.0, "(0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    relative_step: bool = True
    scale_parameter: bool = True

    def transforms(self) -> tuple[Transform, ...]:
        numbers = self.beta2_decay, self.eps, self.d, self.weight_decay
        return (FactoredStep(*numbers, self.relative_step, self.scale_parameter),)
