"""MomoAdam: Adam whose learning rate is a cap, and below it the step that the loss allows.

MomoAdam                 decays as a proximal step does
MomoAdam(divide=False)   decays as AdamW does; where the cap holds, it is AdamW
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import copy_, dot, ema_square_, lerp, lerp_, ratio_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .model_step import ModelStep

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class MomoAdamStep(ModelStep):
    """d, v, gamma <- running means of u, u^2 and <u, p>;  D = sqrt(v / (1 - beta2^t)) + eps;  u <- tau d / D."""

    betas: tuple[float, float]
    eps: float
    divide: bool

    def rate(self, h: Hyper) -> Any:
        return h["betas"][0]

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"d": zeros(p), "v": zeros(p), "gamma": p.new_zeros(())}

    def local_terms(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        gain = self.gain(h, ctx)
        d, gamma = lerp_(s["d"], u, gain), lerp(s["gamma"], dot(u, p), gain)
        copy_(s["gamma"], gamma)
        ema_square_(s["v"], u, h["betas"][1])
        return {"gamma": gamma, "dx": dot(d, p), "dd": dot(d, self.scaled(s, h, ctx))}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return self.proximal(self.scaled(s, h, ctx) * ctx.reduced, p, h, self.divide)

    def scaled(self, s: State, h: Hyper, ctx: Context) -> Tensor:
        """d / D; made in both passes, because keeping it would cost as much memory as v."""
        scale = s["v"].sqrt().div_((1 - h["betas"][1] ** ctx.t) ** 0.5).add_(h["eps"])
        return ratio_(s["d"], scale)

    def dual(self, s: State, h: Hyper, ctx: Context) -> Tensor:
        return self.scaled(s, h, ctx)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("d", "gamma")  # both, or <d, p> - gamma would be of two different pasts


@dataclass(frozen=True)
class MomoAdamConfig(OptimizerConfig):
    """The arguments of optim.MomoAdam, which describes them."""

    name: ClassVar[str] = "momo_adam"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-2, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    lb: float = ranged(0.0, "(-inf, inf)")
    divide: bool = True
    use_fstar: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        step = MomoAdamStep(self.weight_decay, self.lb, True, self.use_fstar, self.betas, self.eps, self.divide)
        return (step,)
