"""SGDW: momentum whose weight decay is decoupled from the velocity.

SGDW                       HeavyBall, DecoupledDecay
SGDW(nesterov=True)        NesterovMomentum, DecoupledDecay
SGDW(lr_in_velocity=True)  TimesLR, HeavyBall, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Transform
from .decay import DecoupledDecay
from .sgd import HeavyBall, NesterovMomentum, with_lr

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class SGDWConfig(OptimizerConfig):
    """Configuration of optim.SGDW, where the arguments are documented."""

    name: ClassVar[str] = "sgdw"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.05, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    weight_decay: float = ranged(0.0025, "[0, inf)")
    nesterov: bool = False
    lr_in_velocity: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.dampening:
            raise self.error(f"nesterov needs dampening=0, not {self.dampening}")

    def transforms(self) -> tuple[Transform, ...]:
        velocity = NesterovMomentum(self.momentum) if self.nesterov else HeavyBall(self.momentum, self.dampening)
        decay = DecoupledDecay(self.weight_decay, times_lr=self.lr_in_velocity)
        return *with_lr(velocity, self.lr_in_velocity), decay
