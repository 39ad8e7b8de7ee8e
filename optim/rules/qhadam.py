"""QHAdam: Adam in which the present gradient and its square have a weight of their own beside both running means.

QHAdam                                    L2, QuasiHyperbolicMoments
QHAdam(decoupled_weight_decay=True)       QuasiHyperbolicMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy, axpy_, ema_, ema_square_, is_zero, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import with_decay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class QuasiHyperbolicMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2
    m' = m / (1 - beta1^t);  v' = v / (1 - beta2^t)
    u <- ((1 - nu1) u + nu1 m') / (sqrt((1 - nu2) u^2 + nu2 v') + eps).
    """

    betas: tuple[float, float]
    nus: tuple[float, float]
    eps: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), (nu1, nu2), t = h["betas"], h["nus"], ctx.t
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        mean = axpy(nu1 / (1 - beta1**t), m, u * (1 - nu1))
        square = v * (nu2 / (1 - beta2**t))
        if not is_zero(1 - nu2):  # 0 times a square that is infinite in float32 would be nan
            square = axpy_(1 - nu2, u * u, square)
        return ratio_(mean, square.sqrt().add_(h["eps"]))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class QHAdamConfig(OptimizerConfig):
    """Configuration of optim.QHAdam, where the arguments are documented."""

    name: ClassVar[str] = "qhadam"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.995, 0.999), "[0, 1)")
    nus: tuple[float, float] = ranged((0.7, 1.0), "[0, 1]")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    decoupled_weight_decay: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        moments = QuasiHyperbolicMoments(self.betas, self.nus, self.eps)
        return with_decay(moments, self.weight_decay, self.decoupled_weight_decay)
