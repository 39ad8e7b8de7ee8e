"""Adadelta: steps in the units of the weights, from the running size of earlier steps.

Adadelta     L2, DeltaScaling
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import mean_square, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class DeltaScaling(Rule):
    """v <- rho v + (1 - rho) u^2;  u <- sqrt(d + eps) / sqrt(v + eps) u;  d <- rho d + (1 - rho) u^2."""

    rho: float = ranged(0.9, "[0, 1)")
    eps: float = ranged(1e-6, "(0, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p), "d": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        rho, eps = h["rho"], h["eps"]
        v = mean_square(s["v"], u, rho, ctx.own)
        delta = (s["d"] + eps).sqrt_().div_((v + eps).sqrt_()).mul_(u)
        return delta, {"v": v, "d": mean_square(s["d"], delta, rho, ctx.own)}


@dataclass(frozen=True)
class Adadelta(Spec):
    """v <- running mean of g^2;  u = sqrt(d + eps) / sqrt(v + eps) g;  d <- running mean of u^2;  p <- p - lr u.

    lr in [0, inf); rho in [0, 1); eps in (0, inf), inside the roots: it is what the first steps start from, and
    at 0 nothing would ever move; weight_decay in [0, inf), L2.
    Source: Zeiler, 2012 (arXiv 1212.5701), algorithm 1. Defaults of torch.optim.Adadelta.
    Deviations: the paper has no learning rate, which is lr 1; d averages u, not lr u, as in torch.

    >>> import torch
    >>> from optim import Adadelta
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> Adadelta([p], rho=0.75, eps=0.0025).step()
    >>> [round(x, 4) for x in p.tolist()]     # 1 - 0.05 * 3 / sqrt(0.25 * 9 + 0.0025),  1 + 0.05 * 0.1 / ...
    [0.9001, 1.0707]
    """

    name: ClassVar[str] = "adadelta"
    lr: float = ranged(1.0, "[0, inf)")
    rho: float = ranged(0.9, "[0, 1)")
    eps: float = ranged(1e-6, "(0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        return L2(self.weight_decay), DeltaScaling(self.rho, self.eps)
