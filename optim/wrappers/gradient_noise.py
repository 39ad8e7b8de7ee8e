"""Annealed Gaussian noise on the gradient, before it reaches any moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy, is_zero
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class GradientNoiseWrapper(Wrapper):
    """Transform of optim.GradientNoise, where the arguments are documented."""

    name: ClassVar = "gradient_noise"
    place: ClassVar = "gradient"
    noise: ClassVar = "normal"
    eta: float = ranged(0.01, "[0, inf)")
    gamma: float = ranged(0.55, "[0, 20]")  # t^20 is a number at every step t that can be reached

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        if is_zero(h["eta"]):
            return u
        # ctx.t counts from 1, so it is the paper's 1 + t
        sigma = (h["eta"] / ctx.t ** h["gamma"]) ** 0.5
        return axpy(sigma, ctx.noise, u)
