"""Momo: momentum whose learning rate is a cap, and below it the step that the loss allows.

Momo                          running means that start at the first values
Momo(bias_correction=True)    that start at 0, for which rho = 1 - beta^k makes up
Momo(use_fstar=True)          with a running estimate of the loss's lower bound
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import copy_, dot, lerp, lerp_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .model_step import ModelStep

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class MomoStep(ModelStep):
    """d <- beta d + (1 - beta) u;  gamma <- beta gamma + (1 - beta) <u, p>;  u <- tau d, tau as in ModelStep."""

    beta: float

    def rate(self, h: Hyper) -> Any:
        return h["beta"]

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"d": zeros(p), "gamma": p.new_zeros(())}

    def local_terms(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        gain = self.gain(h, ctx)
        d, gamma = lerp_(s["d"], u, gain), lerp(s["gamma"], dot(u, p), gain)
        copy_(s["gamma"], gamma)
        return {"gamma": gamma, "dx": dot(d, p), "dd": dot(d, d)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return self.proximal(s["d"] * ctx.reduced, p, h)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("d", "gamma")  # both, or <d, p> - gamma would be of two different pasts


@dataclass(frozen=True)
class MomoConfig(OptimizerConfig):
    """The arguments of optim.Momo, which describes them."""

    name: ClassVar[str] = "momo"
    momentum_key: ClassVar[str] = "beta"
    lr: float = ranged(1.0, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    beta: float = ranged(0.9, "[0, 1)")
    lb: float = ranged(0.0, "(-inf, inf)")
    bias_correction: bool = False
    use_fstar: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        return (MomoStep(self.weight_decay, self.lb, self.bias_correction, self.use_fstar, self.beta),)
