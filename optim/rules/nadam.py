"""Nadam: Adam with Nesterov's look-ahead, and a momentum that warms up.

NAdam                                  L2, NesterovMoments
NAdam(decoupled_weight_decay=True)     NesterovMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import mean, mean_square, ratio, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2, DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


def look_ahead(m: Tensor, g: Tensor, mu: Any, mu_next: Any, mu_product: Any) -> tuple[Tensor, Any]:
    """mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t): m where the next step takes it.

    As a tensor and the number to multiply it with, which saves a pass.
    """
    gain = (1 - mu) / (1 - mu_product)
    return (m * (mu_next / ((1 - mu_product * mu_next) * gain))).add_(g), gain


@dataclass(frozen=True)
class NesterovMoments(Rule):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
    u <- look_ahead(m, u) / (sqrt(v / (1 - beta2^t)) + eps).
    """

    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    momentum_decay: float = ranged(0.004, "(0, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p), "mu_product": p.new_ones(())}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        beta1, beta2 = h["betas"]
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (t * h["momentum_decay"])) for t in (ctx.t, ctx.t + 1))
        mu_product = s["mu_product"] * mu
        m, v = mean(s["m"], u, beta1, ctx.own), mean_square(s["v"], u, beta2, ctx.own)
        ahead, gain = look_ahead(m, u, mu, mu_next, mu_product)
        scale = v.sqrt().mul_(1 / (gain * (1 - beta2**ctx.t) ** 0.5)).add_(h["eps"] / gain)
        return ratio(ahead, scale, ctx.own), {"m": m, "v": v, "mu_product": mu_product}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class NAdam(Spec):
    """m, v <- running means of g and g^2;  mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
    p <- p - lr (mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)) / (sqrt(v') + eps).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root; weight_decay in [0, inf),
    L2, or decoupled where decoupled_weight_decay says so; momentum_decay in (0, inf): 0.004 is Dozat's
    schedule, which brings mu from beta1 / 2 to beta1 in some 20,000 steps; a large one, 1e9, keeps mu = beta1.
    Source: Dozat, ICLR workshop 2016, algorithm 2. Defaults of torch.optim.NAdam.
    Deviations: m decays by beta1 instead of mu_t, and v' is v / (1 - beta2^t) without the paper's extra factor
    beta2, as in Keras and torch. momentum_decay 0, which in torch silently halves beta1, is refused.

    >>> import torch
    >>> from optim import NAdam
    >>> p = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1], dtype=torch.float64)
    >>> NAdam([p], lr=0.5, betas=(0.5, 0.999), momentum_decay=1e9).step()     # 0.5 (0.5 * 0.5 / 0.75 + 0.5 / 0.5)
    >>> [round(x, 4) for x in p.tolist()]
    [0.3333, 1.6667]
    """

    name: ClassVar[str] = "nadam"
    lr: float = ranged(2e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    momentum_decay: float = ranged(0.004, "(0, inf)")
    decoupled_weight_decay: bool = False

    def stages(self) -> tuple[Rule, ...]:
        moments = NesterovMoments(self.betas, self.eps, self.momentum_decay)
        if self.decoupled_weight_decay:
            return moments, DecoupledDecay(self.weight_decay)
        return L2(self.weight_decay), moments

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}
