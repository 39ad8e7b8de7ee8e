"""AdamP: Adam that does not let scale-invariant weights grow.

AdamP                   AdamMoments, Projection
AdamP(nesterov=True)    LookaheadMoments, Projection
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, ema_square_, lerp, ratio_
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .adam import AdamMoments
from .denominator import denominator
from .projection import Projection

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class LookaheadMoments(AdamMoments):
    """AdamMoments, and then beta1 m + (1 - beta1) u in place of m: the authors' Nesterov form."""

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        beta1, beta2 = h["betas"]
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        return ratio_(lerp(m, u, 1 - beta1), denominator(v, h, ctx))


@dataclass(frozen=True)
class AdamPConfig(OptimizerConfig):
    """The arguments of optim.AdamP, which describes them."""

    name: ClassVar[str] = "adamp"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    delta: float = ranged(0.1, "[0, inf)")
    wd_ratio: float = ranged(0.1, "[0, 1]")
    nesterov: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        moments = LookaheadMoments if self.nesterov else AdamMoments
        return moments(self.betas, self.eps), Projection(self.weight_decay, self.delta, self.wd_ratio)
