"""Dropout of the gradient's coordinates, before they reach any moment."""

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
class GradientDropoutWrapper(Wrapper):
    """The arguments of optim.GradientDropout, which describes them."""

    name: ClassVar = "gradient_dropout"
    place: ClassVar = "gradient"
    noise: ClassVar = "uniform"
    keep: float = ranged(0.9, "(0, 1]")

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return mask(u, ctx.noise, h["keep"])
