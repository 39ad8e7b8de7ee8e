"""Signum: a step of lr in each coordinate, along the sign of the momentum.

Signum                                   L2, SignOfMomentum
Signum(decoupled_weight_decay=True)      SignOfMomentum, DecoupledDecay
Signum(momentum=0)                       signSGD
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, sign, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import with_decay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class SignOfMomentum(Transform):
    """m <- momentum m + (1 - momentum) u;  u <- sign(m)."""

    momentum: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return sign(ema_(s["m"], u, h["momentum"]))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class SignumConfig(OptimizerConfig):
    """Configuration of optim.Signum, where the arguments are documented."""

    name: ClassVar[str] = "signum"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(1e-4, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    decoupled_weight_decay: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        return with_decay(SignOfMomentum(self.momentum), self.weight_decay, self.decoupled_weight_decay)
