"""Adam: a step in units of the gradient's running root mean square.

Adam                   L2, AdamMoments
Adam(amsgrad=True)     L2, MaxMoments
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import mean, mean_square, ratio, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .amsgrad import MaxMoments
from .decay import L2
from .denominator import denominator

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class AdamMoments(Rule):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2
    u <- m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps).
    """

    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        beta1, beta2 = h["betas"]
        m, v = mean(s["m"], u, beta1, ctx.own), mean_square(s["v"], u, beta2, ctx.own)
        return ratio(m, denominator(v, h, ctx), ctx.own), {"m": m, "v": v}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class Adam(Spec):
    """m, v <- running means of g and g^2;  p <- p - lr m' / (sqrt(v') + eps), m', v' debiased.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root;
    weight_decay in [0, inf), L2 (through the moments; decoupled decay is another method, AdamW);
    amsgrad: divide by the largest v so far (see AMSGrad).
    Source: Kingma and Ba, ICLR 2015, algorithm 1.
    Deviations: none. With eps=0 a coordinate that never had a gradient becomes nan (0/0), as in torch.

    >>> import torch
    >>> from optim import Adam
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> Adam([p], lr=0.5).step()     # the first step is lr in each coordinate
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    name: ClassVar[str] = "adam"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    amsgrad: bool = False

    def stages(self) -> tuple[Rule, ...]:
        moments = MaxMoments if self.amsgrad else AdamMoments
        return L2(self.weight_decay), moments(self.betas, self.eps)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}
