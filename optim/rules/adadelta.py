"""Adadelta: steps in the units of the weights, from the running size of earlier steps.

Adadelta     L2, DeltaScaling
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_square_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class DeltaScaling(Transform):
    """v <- rho v + (1 - rho) u^2;  u <- sqrt(d + eps) / sqrt(v + eps) u;  d <- rho d + (1 - rho) u^2."""

    rho: float
    eps: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p), "d": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        rho, eps = h["rho"], h["eps"]
        v = ema_square_(s["v"], u, rho)
        delta = (s["d"] + eps).sqrt_().div_((v + eps).sqrt_()).mul_(u)
        ema_square_(s["d"], delta, rho)
        return delta


@dataclass(frozen=True)
class AdadeltaConfig(OptimizerConfig):
    """The arguments of optim.Adadelta, which describes them."""

    name: ClassVar[str] = "adadelta"
    lr: float = ranged(1.0, "[0, inf)")
    rho: float = ranged(0.9, "[0, 1)")
    eps: float = ranged(1e-6, "(0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), DeltaScaling(self.rho, self.eps)
