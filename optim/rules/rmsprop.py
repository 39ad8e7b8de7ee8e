"""RMSprop: the gradient in units of its running root mean square.

RMSprop                      L2, RootMeanSquare
RMSprop(momentum=0.9)        L2, RootMeanSquare, HeavyBall
RMSprop(centered=True)       L2, RootMeanSquare(centered): in units of its running standard deviation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import mean, mean_square, ratio, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2
from .sgd import HeavyBall

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class RootMeanSquare(Rule):
    """r <- alpha r + (1 - alpha) u^2;  u <- u / (sqrt(r) + eps).

    centered: m <- alpha m + (1 - alpha) u, and r - m^2, the variance, takes r's place under the root.
    """

    alpha: float = ranged(0.99, "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    centered: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"r": zeros(p), "m": zeros(p)} if self.centered else {"r": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        r = mean_square(s["r"], u, h["alpha"], ctx.own)
        if not self.centered:
            return ratio(u, r.sqrt().add_(h["eps"]), ctx.own), {"r": r}
        m = mean(s["m"], u, h["alpha"], ctx.own)
        # rounding can take a variance below zero
        variance = (r - m * m).clamp_min_(0.0)
        return ratio(u, variance.sqrt_().add_(h["eps"]), ctx.own), {"r": r, "m": m}


@dataclass(frozen=True)
class RMSprop(Spec):
    """r <- alpha r + (1 - alpha) g^2;  p <- p - lr g / (sqrt(r) + eps).

    lr in [0, inf); alpha in [0, 1); eps in [0, inf), outside the root; weight_decay in [0, inf), L2;
    momentum in [0, 1): a heavy ball behind the division, absent at 0, and then no group can have one;
    centered: divide by the standard deviation instead of the root mean square.
    Source: Tieleman and Hinton, Coursera lecture 6.5, 2012; momentum and centered: Graves, 2013
    (arXiv 1308.0850, eq. 38-45). Defaults of torch.optim.RMSprop, alpha 0.99; the lecture's is 0.9.
    Deviations: eps is outside the root, as in torch (Graves: inside). No debiasing: the first steps are up to
    1 / sqrt(1 - alpha) times lr. A variance that rounding made negative counts as 0 (torch: nan).

    >>> import torch
    >>> from optim import RMSprop
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> RMSprop([p], lr=0.5, alpha=0.75).step()     # 0.5 / sqrt(1 - 0.75) in each coordinate
    >>> [round(x, 4) for x in p.tolist()]
    [0.0, 2.0]
    """

    name: ClassVar[str] = "rmsprop"
    lr: float = ranged(0.01, "[0, inf)")
    alpha: float = ranged(0.99, "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    momentum: float = ranged(0.0, "[0, 1)")
    centered: bool = False

    def stages(self) -> tuple[Rule, ...]:
        scaled = L2(self.weight_decay), RootMeanSquare(self.alpha, self.eps, self.centered)
        return (*scaled, HeavyBall(self.momentum)) if self.momentum else scaled

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        if not self.momentum:
            raise ValueError("RMSprop: has no momentum to set where it was made with momentum=0")
        return {"momentum": m}
