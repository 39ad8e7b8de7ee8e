"""AdamP: Adam that does not let scale-invariant weights grow.

AdamP                   AdamMoments, Projection
AdamP(nesterov=True)    LookaheadMoments, Projection
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import lerp, mean, mean_square, ratio
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .adam import AdamMoments
from .denominator import denominator
from .projection import Projection

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class LookaheadMoments(AdamMoments):
    """AdamMoments, and then beta1 m + (1 - beta1) u in place of m: the authors' Nesterov form."""

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        beta1, beta2 = h["betas"]
        m, v = mean(s["m"], u, beta1, ctx.own), mean_square(s["v"], u, beta2, ctx.own)
        return ratio(lerp(m, u, 1 - beta1), denominator(v, h, ctx), ctx.own), {"m": m, "v": v}


@dataclass(frozen=True)
class AdamP(Spec):
    """u = Adam's step, m' / (sqrt(v') + eps);  p <- p - lr (u - radial part of u) - lr wd_ratio weight_decay p
    if p looks scale-invariant, |cos(g, p)| < delta / sqrt(elements), else p <- p - lr (u + weight_decay p).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf); weight_decay in [0, inf), decoupled; delta in
    [0, inf), 0 projects nothing; wd_ratio in [0, 1]; nesterov: step along beta1 m + (1 - beta1) g.
    Every row (output channel) is tested and projected, else the tensor as a whole; biases and other vectors never.
    Source: Heo, Chun, Oh, Han, Yun, Kim, Uh and Ha, ICLR 2021, algorithm 2; test, rows, bias correction and
    nesterov as in the authors' package adamp, whose defaults these are.
    Deviations: none. The package fails on empty tensors and on channels_last, which are at home here.

    >>> import torch
    >>> from optim import AdamP
    >>> p = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> p.grad = torch.tensor([[4.0, -3.0]])         # orthogonal to p, but Adam's step (1, -1) is not
    >>> AdamP([p], lr=1.0).step()                    # (1, -1) less its part along (3, 4) / 5 is (1.12, -0.84)
    >>> [round(x, 4) for x in p.flatten().tolist()]
    [1.88, 4.84]
    """

    name: ClassVar[str] = "adamp"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    delta: float = ranged(0.1, "[0, inf)")
    wd_ratio: float = ranged(0.1, "[0, 1]")
    nesterov: bool = False

    def stages(self) -> tuple[Rule, ...]:
        moments = LookaheadMoments if self.nesterov else AdamMoments
        return moments(self.betas, self.eps), Projection(self.weight_decay, self.delta, self.wd_ratio)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}
