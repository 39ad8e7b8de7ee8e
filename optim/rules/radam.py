"""RAdam: Adam that waits until its second moment is worth dividing by.

RAdam      L2, RectifiedMoments
RAdamW     RectifiedMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import choose, mean, mean_square, ratio, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2, DecoupledDecay
from .nadam import look_ahead

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class RectifiedMoments(Rule):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  m' = m / (1 - beta1^t)
    rho_inf = 2 / (1 - beta2) - 1;  rho = rho_inf - 2 t beta2^t / (1 - beta2^t)
    rho > rho_threshold:  u <- r m' sqrt(1 - beta2^t) / (sqrt(v) + eps),
                          r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)
    otherwise:            u <- m'.

    nesterov: m' is the look-ahead of Nadam, with mu = beta1.
    """

    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    rho_threshold: int = ranged(4, "[4, inf)")
    nesterov: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        (beta1, beta2), t = h["betas"], ctx.t
        m, v = mean(s["m"], u, beta1, ctx.own), mean_square(s["v"], u, beta2, ctx.own)
        ahead, gain = look_ahead(m, u, beta1, beta1, beta1**t) if self.nesterov else (m, 1 / (1 - beta1**t))
        whole = 1 - beta2**t
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / whole

        def rectified() -> Tensor:
            r2 = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            return ratio(ahead, v.sqrt().add_(h["eps"]).mul_(1 / (gain * (r2 * whole) ** 0.5)), ctx.own)

        return choose(rho > self.rho_threshold, rectified, lambda: ahead * gain), {"m": m, "v": v}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class RAdam(Spec):
    """Adam's step times r once rho > rho_threshold, and p <- p - lr m / (1 - beta1^t) before that, where
    rho = rho_inf - 2 t beta2^t / (1 - beta2^t), rho_inf = 2 / (1 - beta2) - 1, is how many gradients v averages
    and r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)) grows from 0 to 1.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root of the biased v;
    weight_decay in [0, inf), L2, or decoupled where decoupled_weight_decay says so; nesterov: step along
    Nadam's look-ahead, with a constant mu; rho_threshold an integer, at least 4: the paper's 4, by which
    beta2 = 0.999 divides from the 5th step on, or torch's 5, from the 6th. With beta2 <= 0.6 rho never gets there.
    Source: Liu et al., ICLR 2020, algorithm 2 (v4 of arXiv 1908.03265). Other defaults of torch.optim.RAdam.
    Deviations: eps, which the paper does not have, is where torch and the authors' code have it. Their code
    takes no step at all while rho is small; the paper and this take one.

    >>> import torch
    >>> from optim import RAdam
    >>> p = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = RAdam([p], lr=0.125)
    >>> for _ in range(5):
    ...     p.grad = torch.tensor([2.0, -0.5], dtype=torch.float64)
    ...     optimizer.step()
    ...     print([round(x, 4) for x in p.tolist()])     # four steps of lr g, then one of lr r sign(g)
    [0.75, 1.0625]
    [0.5, 1.125]
    [0.25, 1.1875]
    [0.0, 1.25]
    [-0.0022, 1.2522]
    """

    name: ClassVar[str] = "radam"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    decoupled_weight_decay: bool = False
    nesterov: bool = False
    rho_threshold: int = ranged(4, "[4, inf)")

    def stages(self) -> tuple[Rule, ...]:
        moments = RectifiedMoments(self.betas, self.eps, self.rho_threshold, self.nesterov)
        if self.decoupled_weight_decay:
            return moments, DecoupledDecay(self.weight_decay)
        return L2(self.weight_decay), moments

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}


@dataclass(frozen=True)
class RAdamW(Spec):
    """RAdam with decoupled weight decay: p <- p - lr (RAdam's u + weight_decay p), at every step.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf); weight_decay in [0, inf), decoupled;
    nesterov and rho_threshold as for RAdam.
    Source: Liu et al., ICLR 2020, algorithm 2, with Loshchilov and Hutter, ICLR 2019. weight_decay is AdamW's default.
    Deviations: those of RAdam and AdamW. The authors' code skips the decay where it skips the step.

    >>> import torch
    >>> from optim import RAdamW
    >>> p = torch.tensor([1.0, -4.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, 0.0])
    >>> RAdamW([p], lr=0.25, weight_decay=0.5).step()     # 1 - 0.25 (1 + 0.5 * 1),  -4 - 0.25 * 0.5 * -4
    >>> [round(x, 4) for x in p.tolist()]
    [0.625, -3.5]
    """

    name: ClassVar[str] = "radamw"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.01, "[0, inf)")
    nesterov: bool = False
    rho_threshold: int = ranged(4, "[4, inf)")

    def stages(self) -> tuple[Rule, ...]:
        moments = RectifiedMoments(self.betas, self.eps, self.rho_threshold, self.nesterov)
        return moments, DecoupledDecay(self.weight_decay)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}
