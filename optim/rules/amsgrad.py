"""AMSGrad: Adam whose second moment never falls, so that no coordinate's step grows by forgetting.

AMSGrad     L2, MaxMoments
AdamW(amsgrad=True)      MaxMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, ema_square_, maximum_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2
from .denominator import denominator

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class MaxMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  v_max <- max(v_max, v)
    u <- m / (1 - beta1^t) / (sqrt(v_max / (1 - beta2^t)) + eps).

    debias: "after" the maximum, as above; "before" it, v_max <- max(v_max, v / (1 - beta2^t)); or "never",
    neither v nor m.
    """

    betas: tuple[float, float]
    eps: float
    debias: str = "after"

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p), "v_max": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        beta1, beta2 = h["betas"]
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        whole = 1 - beta2**ctx.t
        v_max = maximum_(s["v_max"], v / whole if self.debias == "before" else v)
        if self.debias == "after":
            scale = denominator(v_max, h, ctx)
        else:
            scale = v_max.sqrt().add_(h["eps"])
            scale = scale.mul_(1 - beta1**ctx.t) if self.debias == "before" else scale
        return ratio_(m, scale)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class AMSGradConfig(OptimizerConfig):
    """The arguments of optim.AMSGrad, which describes them."""

    name: ClassVar[str] = "amsgrad"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    debias: str = ranged("after", "{after, before, never}")

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), MaxMoments(self.betas, self.eps, self.debias)
