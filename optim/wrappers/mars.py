"""Variance reduction of the gradient by its change since the step before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy, copy_, each, norm, zeros
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class MARSWrapper(Wrapper):
    """Transform of optim.MARS, where the arguments are documented."""

    name: ClassVar = "mars"
    place: ClassVar = "gradient"
    gamma: float = ranged(0.025, "[0, inf)")
    beta: float = ranged(0.95, "[0, 1)")
    max_norm: float = ranged(1.0, "(0, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"g": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        corrected = axpy(h["gamma"] * h["beta"] / (1 - h["beta"]), u - s["g"], u)
        copy_(s["g"], u)
        return each(lambda c: c / (norm(c) / h["max_norm"]).clamp_min(1), corrected)
