"""ADOPT: Adam that divides each gradient by the past second moment, which does not know it, before it averages.

ADOPT                                  L2, NormalizedMomentum
ADOPT(decoupled_weight_decay=True)     NormalizedMomentum, LateDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy, choose, ema_, ema_square_, is_zero, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2, DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class NormalizedMomentum(Transform):
    """t = 1:      v <- u^2;  u <- 0
    otherwise:  c = u / max(sqrt(v), eps), with clip limited to [-(t - 1)^(1/4), (t - 1)^(1/4)]
                m <- beta1 m + (1 - beta1) c;  v <- beta2 v + (1 - beta2) u^2;  u <- m.
    """

    betas: tuple[float, float]
    eps: float
    clip: bool

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), v = h["betas"], s["v"]
        first, bound = ctx.t == 1, (ctx.t - 1) ** 0.25
        normalized = ratio_(u, v.sqrt().clamp_min_(h["eps"]))
        if self.clip:
            # u - u is nan where u is infinite: limited, the coordinate would stop without a word, as v is infinite, too
            normalized = normalized.clamp_min_(-bound).clamp_max_(bound).add_(u - u)
        else:
            normalized = normalized.mul_(choose(first, lambda: 0.0, lambda: 1.0))
        ema_square_(v, u, choose(first, lambda: 0.0, lambda: beta2))
        return ema_(s["m"], normalized, beta1)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class LateDecay(DecoupledDecay):
    """u <- u + weight_decay p, but u at the first step."""

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        decay = h["weight_decay"]
        return u if is_zero(decay) else axpy(choose(ctx.t == 1, lambda: 0.0, lambda: decay), p, u)


@dataclass(frozen=True)
class ADOPTConfig(OptimizerConfig):
    """Configuration of optim.ADOPT, where the arguments are documented."""

    name: ClassVar[str] = "adopt"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.9999), "[0, 1)")
    eps: float = ranged(1e-6, "(0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    clip: bool = True
    decoupled_weight_decay: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        momentum = NormalizedMomentum(self.betas, self.eps, self.clip)
        if self.decoupled_weight_decay:
            return momentum, LateDecay(self.weight_decay)
        return L2(self.weight_decay), momentum
