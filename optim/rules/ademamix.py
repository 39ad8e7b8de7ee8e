"""AdEMAMix: AdamW with a second, slow mean of the gradients, which remembers tens of thousands of steps.

AdEMAMix     TwoMeans, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import axpy, choose, ema_, ema_square_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import DecoupledDecay
from .denominator import denominator

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class TwoMeans(Transform):
    """m1 <- beta1 m1 + (1 - beta1) u;  m2 <- b m2 + (1 - b) u;  v <- beta2 v + (1 - beta2) u^2
    u <- (m1 / (1 - beta1^t) + a m2) / (sqrt(v / (1 - beta2^t)) + eps)
    a = alpha min(t / alpha_warmup, 1);  b = beta3 after beta3_warmup steps, and before that
    1 / ln b = (1 - t / beta3_warmup) / ln beta1 + t / beta3_warmup / ln beta3: its half-life grows linearly.
    """

    betas: tuple[float, float, float]
    eps: float
    alpha: float
    alpha_warmup: int
    beta3_warmup: int

    def init(self, p: Tensor, h: Hyper) -> State:
        return {name: zeros(p) for name in ("m1", "m2", "v")}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2, beta3), alpha, t = h["betas"], h["alpha"], ctx.t
        a = choose(t < self.alpha_warmup, lambda: alpha * (t / max(self.alpha_warmup, 1)), lambda: alpha)
        b = choose(t < self.beta3_warmup, lambda: _between(beta1, beta3, t / max(self.beta3_warmup, 1)), lambda: beta3)
        m1, m2, v = ema_(s["m1"], u, beta1), ema_(s["m2"], u, b), ema_square_(s["v"], u, beta2)
        return ratio_(axpy(a * (1 - beta1**t), m2, m1), denominator(v, h, ctx))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m1", "m2")


def _between(beta1: Any, beta3: Any, x: Any) -> Any:
    """The beta whose half-life is (1 - x) times that of beta1 plus x times that of beta3."""
    inverse = (1 - x) / _log(beta1) + x / _log(beta3)
    return (1 / inverse).exp() if hasattr(inverse, "exp") else exp(1 / inverse)


def _log(beta: Any) -> Any:
    """ln beta, from 1e-8 on: that of 0 would be infinite."""
    return beta.clamp_min(1e-8).log() if hasattr(beta, "clamp_min") else log(max(beta, 1e-8))


@dataclass(frozen=True)
class AdEMAMixConfig(OptimizerConfig):
    """Configuration of optim.AdEMAMix, where the arguments are documented."""

    name: ClassVar[str] = "ademamix"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float, float] = ranged((0.9, 0.999, 0.9999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    alpha: float = ranged(2.0, "[0, inf)")
    alpha_warmup: int = ranged(0, "[0, inf)")
    beta3_warmup: int = ranged(0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        means = TwoMeans(self.betas, self.eps, self.alpha, self.alpha_warmup, self.beta3_warmup)
        return means, DecoupledDecay(self.weight_decay)
