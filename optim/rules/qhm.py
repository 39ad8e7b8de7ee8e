"""Quasi-hyperbolic momentum: a weighted mean of the plain step and the momentum step.

QHM             L2, QuasiHyperbolicMomentum
QHM(nu=0)       SGD;  QHM(nu=1): momentum with dampening;  QHM(nu=momentum): Nesterov, at lr / (1 - momentum)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, lerp, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class QuasiHyperbolicMomentum(Transform):
    """m <- momentum m + (1 - momentum) u;  u <- (1 - nu) u + nu m."""

    momentum: float
    nu: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return lerp(u, ema_(s["m"], u, h["momentum"]), h["nu"])

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class QHMConfig(OptimizerConfig):
    """Configuration of optim.QHM, where the arguments are documented."""

    name: ClassVar[str] = "qhm"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.1, "[0, inf)")
    momentum: float = ranged(0.999, "[0, 1)")
    nu: float = ranged(0.7, "[0, 1]")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), QuasiHyperbolicMomentum(self.momentum, self.nu)
