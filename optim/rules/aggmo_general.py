"""Aggregated momentum with a rate for each velocity, of which Nesterov's method is one case.

AggMoGeneral                                 Nesterov with momentum 0.9
AggMoGeneral.nesterov(params, 0.05, 0.99)    Nesterov with momentum 0.99
AggMoGeneral(betas=betas, rates=(1, ..., 1)) AggMo
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulated, axpy
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .aggmo import AggregatedMomentum
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class WeightedMomentum(AggregatedMomentum):
    """v_i <- beta_i v_i + u;  u <- mean_i rate_i v_i."""

    rates: tuple[float, ...] = ranged((1.0, 1.0, 1.0), "[0, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        _same_number(h["betas"], h["rates"])
        return super().init(p, h)

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        _same_number(h["betas"], h["rates"])
        new = {f"v{i}": accumulated(s[f"v{i}"], u, beta, ctx.own) for i, beta in enumerate(h["betas"])}
        first, *rest = zip(h["rates"], new.values(), strict=True)
        mean = first[1] * first[0]
        for rate, v in rest:
            mean = axpy(rate, v, mean, ctx.own)
        return mean.div_(len(new)), new


def _same_number(betas: Any, rates: Any) -> None:
    if len(rates) != len(betas):
        raise ValueError(f"AggMoGeneral: rates has {len(rates)} values and betas has {len(betas)}; each beta needs one")


@dataclass(frozen=True)
class AggMoGeneral(Spec):
    """v_i <- beta_i v_i + g;  p <- p - lr/K sum_i rate_i v_i.

    lr in [0, inf); betas: K values in [0, 1); rates: K values in [0, inf), the paper's gamma_i over lr;
    weight_decay in [0, inf), L2.
    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, the generalised form. With betas (0, b) and rates (2, 2 b), the
    defaults with b = 0.9, p is exactly the point at which Nesterov's method with lr and momentum b takes its
    gradient. The paper's own betas are AggMo's.
    Deviations: rates are in units of lr, so that a schedule moves them all.

    >>> import torch
    >>> from optim import AggMoGeneral, Nesterov
    >>> p, q = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
    >>> one, other = AggMoGeneral.nesterov([p], lr=0.25, momentum=0.5), Nesterov([q], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     p.grad, q.grad = p.detach().clone(), q.detach().clone()
    ...     one.step()
    ...     other.step()
    >>> p.item(), q.item()
    (0.328125, 0.328125)
    """

    name: ClassVar[str] = "aggmo_general"
    lr: float = ranged(0.05, "[0, inf)")
    betas: tuple[float, ...] = ranged((0.0, 0.9), "[0, 1)", metadata={"min_size": 1})
    rates: tuple[float, ...] = ranged((2.0, 1.8), "[0, inf)", metadata={"min_size": 1})
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        _same_number(self.betas, self.rates)
        return L2(self.weight_decay), WeightedMomentum(tuple(self.betas), tuple(self.rates))

    @classmethod
    def nesterov(cls, lr: float = 0.05, momentum: float = 0.9, weight_decay: float = 0.0) -> AggMoGeneral:
        """Nesterov's method as aggregated momentum; momentum in [0, 1)."""
        return cls(lr, (0.0, momentum), (2.0, 2 * momentum), weight_decay)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        """Nesterov's method with momentum m, as AggMo's last stage is a velocity beside the plain gradient."""
        return {"betas": (0.0, m), "rates": (2.0, 2 * m)}
