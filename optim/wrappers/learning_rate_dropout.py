"""Dropout of the step's coordinates: a random part of the learning rates is zero, the moments see everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import mask
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class LearningRateDropoutWrapper(Wrapper):
    """The arguments of optim.LearningRateDropout, which describes them."""

    name: ClassVar = "learning_rate_dropout"
    place: ClassVar = "step"
    noise: ClassVar = "uniform"
    keep: float = ranged(0.5, "(0, 1]")

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return mask(u, ctx.noise, h["keep"])
