"""Gradient descent, plain, with a heavy ball, and with Nesterov's look-ahead.

SGD          L2
Momentum     L2, HeavyBall
Nesterov     L2, NesterovMomentum
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulated, axpy, choose, is_zero, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class HeavyBall(Rule):
    """v <- momentum v + (1 - dampening) u;  u <- v, and v = u at the first step."""

    momentum: float = ranged(0.9, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        dampening = h["dampening"]
        if not is_zero(dampening):
            gain = choose(ctx.t == 1, lambda: 1.0, lambda: 1 - dampening)
            u = u * gain
        v = accumulated(s["v"], u, h["momentum"], ctx.own)
        return v, {"v": v}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class NesterovMomentum(Rule):
    """v <- momentum v + u;  u <- u + momentum v."""

    momentum: float = ranged(0.9, "[0, 1)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        v = accumulated(s["v"], u, h["momentum"], ctx.own)
        return axpy(h["momentum"], v, u), {"v": v}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class SGD(Spec):
    """p <- p - lr (g + weight_decay p).

    lr in [0, inf); weight_decay in [0, inf), L2.
    Source: Robbins and Monro, Annals of Mathematical Statistics, 1951. No momentum: that is `Momentum`.
    Deviations: none.

    >>> import torch
    >>> from optim import SGD
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> p.grad = torch.tensor([2.0])
    >>> SGD([p], lr=0.25).step()
    >>> p.item()
    0.5
    """

    name: ClassVar[str] = "sgd"
    lr: float = ranged(0.01, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        return (L2(self.weight_decay),)


@dataclass(frozen=True)
class Momentum(Spec):
    """v <- momentum v + (1 - dampening) g;  p <- p - lr v, and v = g at the first step.

    lr in [0, inf); momentum, dampening in [0, 1); weight_decay in [0, inf), L2.
    Source: Polyak, USSR Computational Mathematics, 1964; unnormalised and with lr outside v, as Lucas et al.
    (ICLR 2019, eq. 1) and torch.optim.SGD write it.
    Deviations: dampening acts at momentum 0 too (torch ignores it there).

    >>> import torch
    >>> from optim import Momentum
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Momentum([p], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     p.grad = torch.tensor([1.0])
    ...     optimizer.step()
    >>> p.item()
    0.375
    """

    name: ClassVar[str] = "momentum"
    lr: float = ranged(0.01, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        return L2(self.weight_decay), HeavyBall(self.momentum, self.dampening)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"momentum": m}


@dataclass(frozen=True)
class Nesterov(Spec):
    """v <- momentum v + g;  p <- p - lr (g + momentum v).

    lr in [0, inf); momentum in [0, 1); weight_decay in [0, inf), L2.
    Source: Nesterov, 1983, in the form of Sutskever et al. (ICML 2013) shifted to the point where the
    gradient is taken, as in torch.optim.SGD(nesterov=True).
    Deviations: momentum 0 is allowed, and is plain gradient descent.

    >>> import torch
    >>> from optim import Nesterov
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0])
    >>> Nesterov([p], lr=0.25, momentum=0.5).step()
    >>> p.item()
    0.625
    """

    name: ClassVar[str] = "nesterov"
    lr: float = ranged(0.01, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def stages(self) -> tuple[Rule, ...]:
        return L2(self.weight_decay), NesterovMomentum(self.momentum)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"momentum": m}
