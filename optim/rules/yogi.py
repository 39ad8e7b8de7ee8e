"""Yogi: Adam whose second moment moves towards g^2 by a step of g^2 at most, however far away it is.

Yogi     L2, AdditiveMoments
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy_, ema_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class AdditiveMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- v - (1 - beta2) sign(v - u^2) u^2, and v = initial_accumulator at first
    u <- sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps).
    """

    betas: tuple[float, float]
    eps: float
    initial_accumulator: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p) + h["initial_accumulator"]}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), t = h["betas"], ctx.t
        m, square = ema_(s["m"], u, beta1), u * u
        v = axpy_(beta2 - 1, (s["v"] - square).sign().mul_(square), s["v"])
        return ratio_(m, v.sqrt().add_(h["eps"]).mul_((1 - beta1**t) / (1 - beta2**t) ** 0.5))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class YogiConfig(OptimizerConfig):
    """Configuration of optim.Yogi, where the arguments are documented."""

    name: ClassVar[str] = "yogi"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(0.01, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-3, "[0, inf)")
    initial_accumulator: float = ranged(1e-6, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), AdditiveMoments(self.betas, self.eps, self.initial_accumulator)
