"""Adan: Adam with Nesterov's momentum, estimated from the differences of successive gradients.

Adan     NesterovDifferences, ProximalDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy, choose, copy_, ema_, ema_square_, is_zero, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class NesterovDifferences(Transform):
    """d = u - previous u, 0 at the first step;  m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) d
    n <- beta3 n + (1 - beta3) (u + beta2 d)^2
    u <- (m / (1 - beta1^t) + beta2 v / (1 - beta2^t)) / (sqrt(n / (1 - beta3^t)) + eps).
    """

    betas: tuple[float, float, float]
    eps: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {name: zeros(p) for name in ("m", "v", "n", "previous")}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2, beta3), t = h["betas"], ctx.t
        difference = choose(t == 1, lambda: u - u, lambda: u - s["previous"])
        copy_(s["previous"], u)
        m, v = ema_(s["m"], u, beta1), ema_(s["v"], difference, beta2)
        n = ema_square_(s["n"], axpy(beta2, difference, u), beta3)
        whole = 1 - beta1**t
        step = axpy(beta2 * whole / (1 - beta2**t), v, m)
        return ratio_(step, n.sqrt().mul_(whole / (1 - beta3**t) ** 0.5).add_(whole * h["eps"]))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m", "v")


@dataclass(frozen=True)
class ProximalDecay(DecoupledDecay):
    """u <- (u + weight_decay p) / (1 + lr weight_decay), so that p <- (p - lr u) / (1 + lr weight_decay)."""

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        decay = h["weight_decay"]
        return u if is_zero(decay) else axpy(decay, p, u).mul_(1 / (1 + h["lr"] * decay))


@dataclass(frozen=True)
class AdanConfig(OptimizerConfig):
    """Configuration of optim.Adan, where the arguments are documented."""

    name: ClassVar[str] = "adan"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float, float] = ranged((0.98, 0.92, 0.99), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return NesterovDifferences(self.betas, self.eps), ProximalDecay(self.weight_decay)
