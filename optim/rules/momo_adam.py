"""MomoAdam: Adam whose learning rate is a cap, and below it the step that the loss allows.

MomoAdam                 decays as a proximal step does
MomoAdam(divide=False)   decays as AdamW does; where the cap holds, it is AdamW
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import dot, lerp, mean_square, ratio, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .model_step import ModelStep

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class MomoAdamStep(ModelStep):
    """d, v, gamma <- running means of u, u^2 and <u, p>;  D = sqrt(v / (1 - beta2^t)) + eps;  u <- tau d / D."""

    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    divide: bool = True

    def rate(self, h: Hyper) -> Any:
        return h["betas"][0]

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"d": zeros(p), "v": zeros(p), "gamma": p.new_zeros(())}

    def sums(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[State, dict[str, Tensor]]:
        gain = self.gain(h, ctx)
        d, gamma = lerp(s["d"], u, gain, ctx.own), lerp(s["gamma"], dot(u, p), gain)
        s = {"d": d, "v": mean_square(s["v"], u, h["betas"][1], ctx.own), "gamma": gamma}
        return s, {"gamma": gamma, "dx": dot(d, p), "dd": dot(d, self.scaled(s, h, ctx))}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        return self.proximal(self.scaled(s, h, ctx) * ctx.value, p, h, self.divide), s

    def scaled(self, s: State, h: Hyper, ctx: Context) -> Tensor:
        """d / D; made in both passes, because keeping it would cost as much memory as v."""
        scale = s["v"].sqrt().div_((1 - h["betas"][1] ** ctx.t) ** 0.5).add_(h["eps"])
        return ratio(s["d"], scale, ctx.own)

    def metric(self, s: State, h: Hyper, ctx: Context) -> Tensor:
        return self.scaled(s, h, ctx)

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("d", "gamma")  # both, or <d, p> - gamma would be of two different pasts


@dataclass(frozen=True)
class MomoAdam(Spec):
    """f, d, v, gamma <- running means of the loss, g, g^2 and <g, p>;  D = sqrt(v / (1 - beta2^k)) + eps
    p <- (p - tau d / D) / (1 + lr wd),  rho = 1 - beta1^k
    tau = min(lr / rho, max((1 + lr wd) (f - rho lb - gamma) + <d, p>, 0) / <d, d / D>)   over all parameters at once.

    lr in [0, inf), the largest step size, at which this is Adam's step; betas: two values in [0, 1); eps in
    [0, inf); weight_decay (wd) in [0, inf); lb in (-inf, inf), a lower bound of the loss; divide: proximal decay,
    else p <- (1 - lr wd) p - tau d / D; use_fstar: estimate the bound online, never below lb.
    Needs the loss: step(loss=loss), unscaled, of this batch, or step(closure).
    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, ICML 2024, algorithm 2; divide and fstar as in the
    authors' package momo-opt, whose defaults these are.
    Deviations: those of Momo.

    >>> import torch
    >>> from optim import MomoAdam
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> loss = p.square().sum() / 2                  # d / D is 0.1 sign(p), and the model meets 0 at half the way
    >>> loss.backward()
    >>> MomoAdam([p], lr=10.0).step(loss=loss).item()
    12.5
    >>> [round(x, 4) for x in p.tolist()]
    [1.2143, 2.2143]
    """

    name: ClassVar[str] = "momo_adam"
    lr: float = ranged(1e-2, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    lb: float = ranged(0.0, "(-inf, inf)")
    divide: bool = True
    use_fstar: bool = False

    def stages(self) -> tuple[Rule, ...]:
        step = MomoAdamStep(self.weight_decay, self.lb, True, self.use_fstar, self.betas, self.eps, self.divide)
        return (step,)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}
