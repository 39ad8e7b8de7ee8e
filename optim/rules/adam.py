"""Adam: a step in units of the gradient's running root mean square.

Adam                   L2, AdamMoments
Adam(amsgrad=True)     L2, MaxMoments
Adam(decoupled_weight_decay=True)     AdamMoments, DecoupledDecay: AdamW
Adam(eps_inside_sqrt=True)     objax's and apex's denominator
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, ema_square_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .amsgrad import MaxMoments
from .decay import with_decay
from .denominator import denominator

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class AdamMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2
    u <- m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps).

    eps_inside_sqrt: the denominator is sqrt((v + eps) / (1 - beta2^t)).
    """

    betas: tuple[float, float]
    eps: float
    eps_inside_sqrt: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        beta1, beta2 = h["betas"]
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        return ratio_(m, denominator(v, h, ctx, self.eps_inside_sqrt))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class AdamConfig(OptimizerConfig):
    """Configuration of optim.Adam, where the arguments are documented."""

    name: ClassVar[str] = "adam"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    amsgrad: bool = False
    decoupled_weight_decay: bool = False
    eps_inside_sqrt: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amsgrad and self.eps_inside_sqrt:
            raise self.error("eps_inside_sqrt is not there with amsgrad")

    def transforms(self) -> tuple[Transform, ...]:
        if self.amsgrad:
            moments = MaxMoments(self.betas, self.eps)
        else:
            moments = AdamMoments(self.betas, self.eps, self.eps_inside_sqrt)
        return with_decay(moments, self.weight_decay, self.decoupled_weight_decay)
