"""RAdam: Adam that waits until its second moment is worth dividing by.

RAdam      L2, RectifiedMoments
RAdamW     RectifiedMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import choose, ema_, ema_square_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import DecoupledDecay, with_decay
from .nadam import look_ahead

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


def sma_length(beta2: Any, t: Any) -> Any:
    """rho = rho_inf - 2 t beta2^t / (1 - beta2^t), rho_inf = 2 / (1 - beta2) - 1: the length of the mean that v is."""
    return 2 / (1 - beta2) - 1 - 2 * t * beta2**t / (1 - beta2**t)


def rectification(beta2: Any, rho: Any) -> Any:
    """r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho), for rho > 4."""
    rho_inf = 2 / (1 - beta2) - 1
    return (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)


@dataclass(frozen=True)
class RectifiedMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  m' = m / (1 - beta1^t)
    rho_inf = 2 / (1 - beta2) - 1;  rho = rho_inf - 2 t beta2^t / (1 - beta2^t)
    rho > rho_threshold:  u <- r m' sqrt(1 - beta2^t) / (sqrt(v) + eps),
                          r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)
    otherwise:            u <- m'.

    nesterov: m' is the look-ahead of Nadam, with mu = beta1.
    """

    betas: tuple[float, float]
    eps: float
    rho_threshold: int
    nesterov: bool

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), t = h["betas"], ctx.t
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        ahead, gain = look_ahead(m, u, beta1, beta1, beta1**t) if self.nesterov else (m, 1 / (1 - beta1**t))
        whole, rho = 1 - beta2**t, sma_length(beta2, t)

        def rectified() -> Tensor:
            r2 = rectification(beta2, rho)
            return ratio_(ahead, v.sqrt().add_(h["eps"]).mul_(1 / (gain * (r2 * whole) ** 0.5)))

        return choose(rho > self.rho_threshold, rectified, lambda: ahead * gain)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class RAdamConfig(OptimizerConfig):
    """Configuration of optim.RAdam, where the arguments are documented."""

    name: ClassVar[str] = "radam"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    decoupled_weight_decay: bool = False
    nesterov: bool = False
    rho_threshold: int = ranged(4, "[4, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        moments = RectifiedMoments(self.betas, self.eps, self.rho_threshold, self.nesterov)
        return with_decay(moments, self.weight_decay, self.decoupled_weight_decay)


@dataclass(frozen=True)
class RAdamWConfig(OptimizerConfig):
    """Configuration of optim.RAdamW, where the arguments are documented."""

    name: ClassVar[str] = "radamw"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.01, "[0, inf)")
    nesterov: bool = False
    rho_threshold: int = ranged(4, "[4, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        moments = RectifiedMoments(self.betas, self.eps, self.rho_threshold, self.nesterov)
        return moments, DecoupledDecay(self.weight_decay)
