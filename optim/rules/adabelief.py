"""AdaBelief: Adam that divides by how far the gradient is from its running mean, not by how large it is.

AdaBelief                                  BeliefMoments, DecoupledDecay
AdaBelief(decoupled_weight_decay=False)    L2, BeliefMoments
AdaBelief(rectify=True)                    as RAdam, and as the authors' package by default
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import choose, ema_, ema_square_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import with_decay
from .denominator import denominator
from .radam import rectification, sma_length

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class BeliefMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  s <- beta2 s + (1 - beta2) (u - m)^2 + eps
    u <- m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps).

    rectify: rho and r as in RAdam;  rho >= 5:  u <- r m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(s) + eps),
    otherwise:  u <- m / (1 - beta1^t).
    """

    betas: tuple[float, float]
    eps: float
    rectify: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "s": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), t = h["betas"], ctx.t
        m = ema_(s["m"], u, beta1)
        variance = ema_square_(s["s"], u - m, beta2).add_(h["eps"])
        if not self.rectify:
            return ratio_(m, denominator(variance, h, ctx))
        whole, rho = 1 - beta1**t, sma_length(beta2, t)

        def rectified() -> Tensor:
            scale = whole / (rectification(beta2, rho) * (1 - beta2**t)) ** 0.5
            return ratio_(m, variance.sqrt().add_(h["eps"]).mul_(scale))

        return choose(rho >= 5, rectified, lambda: m / whole)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class AdaBeliefConfig(OptimizerConfig):
    """Configuration of optim.AdaBelief, where the arguments are documented."""

    name: ClassVar[str] = "adabelief"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-16, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    decoupled_weight_decay: bool = True
    rectify: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        moments = BeliefMoments(self.betas, self.eps, self.rectify)
        return with_decay(moments, self.weight_decay, self.decoupled_weight_decay)
