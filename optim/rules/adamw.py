"""AdamW: Adam whose weight decay is decoupled from the scaling.

AdamW     AdamMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Transform
from .adam import AdamMoments
from .amsgrad import MaxMoments
from .decay import DecoupledDecay

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class AdamWConfig(OptimizerConfig):
    """The arguments of optim.AdamW, which describes them."""

    name: ClassVar[str] = "adamw"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.01, "[0, inf)")
    amsgrad: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        moments = MaxMoments if self.amsgrad else AdamMoments
        return moments(self.betas, self.eps), DecoupledDecay(self.weight_decay)
