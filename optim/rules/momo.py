"""Momo: momentum whose learning rate is a cap, and below it the step that the loss allows.

Momo                          running means that start at the first values
Momo(bias_correction=True)    that start at 0, for which rho = 1 - beta^k makes up
Momo(use_fstar=True)          with a running estimate of the loss's lower bound
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import dot, lerp, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .model_step import ModelStep

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class MomoStep(ModelStep):
    """d <- beta d + (1 - beta) u;  gamma <- beta gamma + (1 - beta) <u, p>;  u <- tau d, tau as in ModelStep."""

    beta: float = ranged(0.9, "[0, 1)")

    def rate(self, h: Hyper) -> Any:
        return h["beta"]

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"d": zeros(p), "gamma": p.new_zeros(())}

    def sums(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[State, dict[str, Tensor]]:
        gain = self.gain(h, ctx)
        d, gamma = lerp(s["d"], u, gain, ctx.own), lerp(s["gamma"], dot(u, p), gain)
        return {"d": d, "gamma": gamma}, {"gamma": gamma, "dx": dot(d, p), "dd": dot(d, d)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        return self.proximal(s["d"] * ctx.value, p, h), s

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("d", "gamma")  # both, or <d, p> - gamma would be of two different pasts


@dataclass(frozen=True)
class Momo(Spec):
    """f, d, gamma <- running means of the loss, of g and of <g, p>, with beta;  p <- (p - tau d) / (1 + lr wd),
    tau = min(lr / rho, max((1 + lr wd) (f - rho lb - gamma) + <d, p>, 0) / ||d||^2)   over all parameters at once.

    lr in [0, inf), the largest step size; beta in [0, 1); weight_decay (wd) in [0, inf), proximal; lb in
    (-inf, inf), a lower bound of the loss; bias_correction: rho = 1 - beta^k, else 1; use_fstar: estimate the
    bound online, never below lb. Needs the loss: step(loss=loss), unscaled, of this batch, or step(closure).
    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, ICML 2024, algorithm 1; fstar as in the authors' package
    momo-opt, whose defaults these are.
    Deviations: with use_fstar the package moves the bound once for every group, here it moves once a step, by the
    first group's numbers. Step count, loss mean and bound are in the state_dict. Without gradients 0/0 is no step.
    A parameter without a gradient is left out of the sums. Groups that differ in lr, weight_decay or lb have each
    their own tau, of the same sums. As in the package, where loss or gradient is nan tau is lr / rho.

    >>> import torch
    >>> from optim import Momo
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> loss = p.square().sum() / 2                  # 12.5, with minimum 0: Polyak's step is 12.5 / 25
    >>> loss.backward()
    >>> Momo([p], lr=10.0).step(loss=loss).item()
    12.5
    >>> p.tolist()
    [1.5, 2.0]
    """

    name: ClassVar[str] = "momo"
    lr: float = ranged(1.0, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    beta: float = ranged(0.9, "[0, 1)")
    lb: float = ranged(0.0, "(-inf, inf)")
    bias_correction: bool = False
    use_fstar: bool = False

    def stages(self) -> tuple[Rule, ...]:
        return (MomoStep(self.weight_decay, self.lb, self.bias_correction, self.use_fstar, self.beta),)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"beta": m}
