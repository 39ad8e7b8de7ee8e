"""Aggregated momentum: several velocities with different damping, and the step is their mean.

AggMo        L2, AggregatedMomentum(betas)
AggMoExp     L2, AggregatedMomentum(1 - a^i, i = 0..k-1)
AggMo((0,))  gradient descent;   AggMo((beta,))  a heavy ball
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulated, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class AggregatedMomentum(Rule):
    """v_i <- beta_i v_i + u;  u <- mean_i v_i."""

    betas: tuple[float, ...] = ranged((0.0, 0.9, 0.99), "[0, 1)", metadata={"min_size": 1})

    def init(self, p: Tensor, h: Hyper) -> State:
        return {f"v{i}": zeros(p) for i in range(len(h["betas"]))}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        # velocities are told apart by position, not by beta: equal betas are two velocities, betas may change
        new = {}
        mean = u
        for i, beta in enumerate(h["betas"]):
            v = new[f"v{i}"] = accumulated(s[f"v{i}"], u, beta, ctx.own)
            # summed at once, while v is in cache; v0 itself is state and stays as it is
            mean = v if i == 0 else mean + v if i == 1 else mean.add_(v)
        return mean if len(new) == 1 else mean.div_(len(new)), new

    def carry(self, s: State, old: Hyper, new: Hyper) -> State:
        """Each new velocity inherits from the old one with the nearest beta (the first of equals)."""

        def nearest(beta: float) -> int:
            return min(range(len(old["betas"])), key=lambda i: abs(old["betas"][i] - beta))

        return {f"v{i}": s[f"v{nearest(beta)}"].clone() for i, beta in enumerate(new["betas"])}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return tuple(f"v{i}" for i in range(len(h["betas"])))


class _FineTuned:
    """The paper's last stage: one velocity of momentum m beside the plain gradient."""

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (0.0, m)}


@dataclass(frozen=True)
class AggMo(_FineTuned, Spec):
    """v_i <- beta_i v_i + g;  p <- p - lr/K sum_i v_i.

    lr in [0, inf); betas: K values in [0, 1), equal ones allowed; weight_decay in [0, inf), L2.
    A group's betas may be given other values at any time, but another number of them by set_momentum only.
    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, eq. 3.
    Deviations: none in the rule. The authors' code keys velocities by beta, so that equal betas share one,
    and adds weight decay into p.grad; here they are keyed by position and p.grad is left alone.

    >>> import torch
    >>> from optim import AggMo
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = AggMo([p], lr=0.25, betas=(0.0, 0.5))
    >>> for _ in range(2):
    ...     p.grad = torch.tensor([1.0])
    ...     optimizer.step()
    >>> p.item()                     # 1 - 0.25 * (1 + (1 + 1.5) / 2)
    0.4375
    """

    name: ClassVar[str] = "aggmo"
    lr: float = ranged(0.1, "[0, inf)")
    betas: tuple[float, ...] = ranged((0.0, 0.9, 0.99), "[0, 1)", metadata={"min_size": 1})
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        return L2(self.weight_decay), AggregatedMomentum(tuple(self.betas))

    @classmethod
    def from_exp_form(cls, lr: float = 0.1, a: float = 0.1, k: int = 3, weight_decay: float = 0.0) -> AggMoExp:
        """The exponential form, beta_i = 1 - a^i for i = 0..k-1; a in (0, 1), k a positive integer."""
        return AggMoExp(lr, a, k, weight_decay)


@dataclass(frozen=True)
class AggMoExp(_FineTuned, Spec):
    """AggMo with betas 1 - a^i, i = 0..k-1: two numbers instead of k.

    lr in [0, inf); a in (0, 1); k a positive integer, at most 17 at a=0.1, where 1 - a^17 rounds to 1;
    weight_decay in [0, inf), L2.
    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, section 3 (a=0.1, K=3 are its defaults).
    Deviations: none. a and k make the betas at construction; the live value is the group's `betas`.

    >>> from optim.rules.aggmo import AggMoExp
    >>> AggMoExp(a=0.1, k=4).betas
    (0.0, 0.9, 0.99, 0.999)
    """

    name: ClassVar[str] = "aggmo_exp"
    lr: float = ranged(0.1, "[0, inf)")
    a: float = ranged(0.1, "(0, 1)")
    k: int = ranged(3, "[1, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    @property
    def betas(self) -> tuple[float, ...]:
        return tuple(1 - self.a**i for i in range(self.k))

    def stages(self) -> tuple[Rule, ...]:
        return L2(self.weight_decay), AggregatedMomentum(self.betas)
