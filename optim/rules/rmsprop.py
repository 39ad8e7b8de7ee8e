"""RMSprop: the gradient in units of its running root mean square.

RMSprop                      L2, RootMeanSquare
RMSprop(momentum=0.9)        L2, RootMeanSquare, HeavyBall
RMSprop(centered=True)       L2, RootMeanSquare(centered): in units of its running standard deviation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import ema_, ema_square_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2
from .sgd import HeavyBall

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class RootMeanSquare(Transform):
    """r <- alpha r + (1 - alpha) u^2;  u <- u / (sqrt(r) + eps).

    centered: m <- alpha m + (1 - alpha) u, and r - m^2, the variance, takes r's place under the root.
    """

    alpha: float
    eps: float
    centered: bool

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"r": zeros(p), "m": zeros(p)} if self.centered else {"r": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        r = ema_square_(s["r"], u, h["alpha"])
        if not self.centered:
            return ratio_(u, r.sqrt().add_(h["eps"]))
        m = ema_(s["m"], u, h["alpha"])
        # rounding can take a variance below zero
        variance = (r - m * m).clamp_min_(0.0)
        return ratio_(u, variance.sqrt_().add_(h["eps"]))


@dataclass(frozen=True)
class RMSpropConfig(OptimizerConfig):
    """The arguments of optim.RMSprop, which describes them."""

    name: ClassVar[str] = "rmsprop"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.01, "[0, inf)")
    alpha: float = ranged(0.99, "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    momentum: float = ranged(0.0, "[0, 1)")
    centered: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        scaled = L2(self.weight_decay), RootMeanSquare(self.alpha, self.eps, self.centered)
        return (*scaled, HeavyBall(self.momentum)) if self.momentum else scaled

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        if not self.momentum:
            raise self.error("has no momentum to set where it was made with momentum=0")
        return super().with_momentum(m, h)
