"""LAMB: Adam whose step is, in every tensor, a fraction lr of the tensor's norm.

LAMB                          AdamMoments, DecoupledDecay, TrustRatio
LAMB(bias_correction=False)   BiasedMoments, DecoupledDecay, TrustRatio
LAMB(exclude_1d=True)         biases and norms take Adam's step, without decay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import choose, each, ema_, ema_square_, norm, ratio_
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .adam import AdamMoments
from .decay import DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class BiasedMoments(AdamMoments):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  u <- m / (sqrt(v) + eps)."""

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        beta1, beta2 = h["betas"]
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        return ratio_(m, v.sqrt().add_(h["eps"]))


@dataclass(frozen=True)
class TrustRatio(DecoupledDecay):
    """u <- u + weight_decay p;  u <- u ||p|| / ||u||, but u if either norm is 0.

    exclude_1d: u <- u for vectors and numbers.
    """

    exclude_1d: bool

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return each(lambda u, p: self._scaled(u, p, s, h, ctx), u, p)

    def _scaled(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        if self.exclude_1d and p.ndim < 2:
            return u
        u = super().update(u, p, s, h, ctx)
        p_norm, u_norm = norm(p), norm(u)
        ratio = choose((p_norm > 0) & (u_norm > 0), lambda: p_norm / u_norm, lambda: 1.0)
        return u * ratio


@dataclass(frozen=True)
class LAMBConfig(OptimizerConfig):
    """Configuration of optim.LAMB, where the arguments are documented."""

    name: ClassVar[str] = "lamb"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-6, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    bias_correction: bool = True
    exclude_1d: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        moments = AdamMoments if self.bias_correction else BiasedMoments
        return moments(self.betas, self.eps), TrustRatio(self.weight_decay, self.exclude_1d)
