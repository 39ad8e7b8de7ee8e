"""AdaBound: Adam at the start, SGD at the end, by bounds on each coordinate's learning rate that close in.

AdaBound     L2, BoundedMoments
AMSBound     L2, BoundedMoments(amsbound), with the largest second moment so far
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import maximum, mean, mean_square, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class BoundedMoments(Rule):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2
    u <- clip(sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps), lower, upper) m
    lower = final (1 - 1 / (gamma t + 1)), upper = final (1 + 1 / (gamma t)), final = final_lr / base_lr.

    amsbound: v_max <- max(v_max, v) takes v's place under the root.
    """

    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    final_lr: float = ranged(0.1, "(0, inf)")
    gamma: float = ranged(1e-3, "(0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    base_lr: float = ranged(1e-3, "(0, inf)")
    amsbound: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        names = ("m", "v", "v_max") if self.amsbound else ("m", "v")
        return {name: zeros(p) for name in names}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        (beta1, beta2), t = h["betas"], ctx.t
        new = {"m": mean(s["m"], u, beta1, ctx.own), "v": mean_square(s["v"], u, beta2, ctx.own)}
        if self.amsbound:
            new["v_max"] = maximum(s["v_max"], new["v"], ctx.own)
        # The authors clip lr x between bounds that they scale by lr / base_lr, to make them follow a schedule.
        # The driver multiplies by lr, so that lr cancels from the bounds: no division by an lr of 0.
        final = h["final_lr"] / h["base_lr"]
        root = new["v_max" if self.amsbound else "v"].sqrt().add_(h["eps"])
        rate = root.reciprocal().mul_((1 - beta2**t) ** 0.5 / (1 - beta1**t))
        rate = rate.clamp_min_(final * (1 - 1 / (h["gamma"] * t + 1))).clamp_max_(final * (1 + 1 / (h["gamma"] * t)))
        return rate.mul_(new["m"]), new

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


class _Bounded:
    """What AdaBound and AMSBound share: base_lr is the lr that a group was given when it was made."""

    def derived(self, h: Hyper) -> dict[str, Any]:
        return {"base_lr": float(h["lr"]) or h["base_lr"]}

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}


@dataclass(frozen=True)
class AdaBound(_Bounded, Spec):
    """m, v <- running means of g and g^2;  p <- p - clip(lr sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps),
    lr' (1 - 1 / (gamma t + 1)), lr' (1 + 1 / (gamma t))) m, where lr' = final_lr lr / base_lr.

    lr in [0, inf), Adam's; betas: two values in [0, 1); final_lr in (0, inf), that of the SGD (with momentum
    beta1, normalised) it ends as; gamma in (0, 1), how fast; eps in [0, inf); weight_decay in [0, inf), L2;
    amsbound: divide by the largest v so far. base_lr is the lr that a group starts with, so that a schedule
    scales final_lr too; it is a key of the group, which may also name its own. A group that starts with lr 0
    takes the constructor's lr, or 0.001 where that is 0 too.
    Source: Luo, Xiong, Liu and Sun, ICLR 2019, algorithm 2, in the form of the authors' code, with its defaults.
    Deviations: as in the code, moments are debiased, lr is not divided by sqrt(t), there is an eps, and gamma
    stands for the paper's 1 - beta2 in the bounds. Unlike in the code, base_lr is in the group: on the optimizer,
    copies and later groups lose it; lr may be 0; gamma=0 and final_lr=0 are refused.

    >>> import torch
    >>> from optim import AdaBound
    >>> p = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> p.grad = torch.tensor([100.0, 0.001], dtype=torch.float64)
    >>> AdaBound([p], lr=0.01, final_lr=0.1, gamma=0.5).step()     # lower 0.1 / 3, upper 0.1 * 3, times m = g / 10
    >>> [round(x, 5) for x in p.tolist()]
    [0.66667, 0.99997]
    """

    name: ClassVar[str] = "adabound"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    final_lr: float = ranged(0.1, "(0, inf)")
    gamma: float = ranged(1e-3, "(0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    amsbound: bool = False

    def stages(self) -> tuple[Rule, ...]:
        base_lr = float(self.lr) or 1e-3
        moments = BoundedMoments(self.betas, self.final_lr, self.gamma, self.eps, base_lr, self.amsbound)
        return L2(self.weight_decay), moments


@dataclass(frozen=True)
class AMSBound(_Bounded, Spec):
    """AdaBound whose second moment never falls: v_max <- max(v_max, v) takes v's place. AdaBound(amsbound=True).

    lr, betas, final_lr, gamma, eps, weight_decay and base_lr as for AdaBound.
    Source: Luo, Xiong, Liu and Sun, ICLR 2019, section 4, in the form of the authors' code, with its defaults.
    Deviations: those of AdaBound; as in the authors' code, the maximum is over the raw v.

    >>> import torch
    >>> from optim import AMSBound
    >>> p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = AMSBound([p], lr=0.1, betas=(0.0, 0.5), gamma=1e-6)
    >>> for g in (8.0, 2.0):
    ...     p.grad = torch.tensor([g], dtype=torch.float64)
    ...     optimizer.step()     # v = 32, then 18: v_max stays at 32
    >>> round(1 - p.item(), 4)     # 0.1 (sqrt(0.5) 8 + sqrt(0.75) 2) / sqrt(32)
    0.1306
    """

    name: ClassVar[str] = "amsbound"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    final_lr: float = ranged(0.1, "(0, inf)")
    gamma: float = ranged(1e-3, "(0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        base_lr = float(self.lr) or 1e-3
        return L2(self.weight_decay), BoundedMoments(
            self.betas, self.final_lr, self.gamma, self.eps, base_lr, amsbound=True
        )
