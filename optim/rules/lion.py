"""Lion: a step of lr in each coordinate, along the sign of momentum and gradient interpolated.

Lion     SignOfInterpolation, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, lerp, sign, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class SignOfInterpolation(Transform):
    """c = beta1 m + (1 - beta1) u;  m <- beta2 m + (1 - beta2) u;  u <- sign(c)."""

    betas: tuple[float, float]

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        beta1, beta2 = h["betas"]
        step = sign(lerp(s["m"], u, 1 - beta1))
        ema_(s["m"], u, beta2)
        return step

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class LionConfig(OptimizerConfig):
    """Configuration of optim.Lion, where the arguments are documented."""

    name: ClassVar[str] = "lion"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-4, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.99), "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return SignOfInterpolation(self.betas), DecoupledDecay(self.weight_decay)
