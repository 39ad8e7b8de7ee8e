"""Nadam: Adam with Nesterov's look-ahead, and a momentum that warms up.

NAdam                                  L2, NesterovMoments
NAdam(decoupled_weight_decay=True)     NesterovMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import copy_, ema_, ema_square_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import with_decay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


def look_ahead(m: Tensor, g: Tensor, mu: Any, mu_next: Any, mu_product: Any) -> tuple[Tensor, Any]:
    """mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t): m where the next step takes it.

    As a tensor and the number to multiply it with, which saves a pass.
    """
    gain = (1 - mu) / (1 - mu_product)
    return (m * (mu_next / ((1 - mu_product * mu_next) * gain))).add_(g), gain


@dataclass(frozen=True)
class NesterovMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
    u <- look_ahead(m, u) / (sqrt(v / (1 - beta2^t)) + eps).
    """

    betas: tuple[float, float]
    eps: float
    momentum_decay: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p), "mu_product": p.new_ones(())}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        beta1, beta2 = h["betas"]
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (t * h["momentum_decay"])) for t in (ctx.t, ctx.t + 1))
        mu_product = s["mu_product"] * mu
        copy_(s["mu_product"], mu_product)
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        ahead, gain = look_ahead(m, u, mu, mu_next, mu_product)
        scale = v.sqrt().mul_(1 / (gain * (1 - beta2**ctx.t) ** 0.5)).add_(h["eps"] / gain)
        return ratio_(ahead, scale)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class NAdamConfig(OptimizerConfig):
    """Configuration of optim.NAdam, where the arguments are documented."""

    name: ClassVar[str] = "nadam"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(2e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    momentum_decay: float = ranged(0.004, "(0, inf)")
    decoupled_weight_decay: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        moments = NesterovMoments(self.betas, self.eps, self.momentum_decay)
        return with_decay(moments, self.weight_decay, self.decoupled_weight_decay)
