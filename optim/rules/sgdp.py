"""SGDP: momentum that does not let scale-invariant weights grow.

SGDP    DampedMomentum, VelocityProjection
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import axpy, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .projection import Projection

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class DampedMomentum(Rule):
    """v <- momentum v + (1 - dampening) u;  u <- v, or u + momentum v with nesterov. Damped from the first step."""

    momentum: float = ranged(0.0, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    nesterov: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        v = axpy(1 - h["dampening"], u, s["v"] * h["momentum"], ctx.own)
        return axpy(h["momentum"], v, u) if self.nesterov else v, {"v": v}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class VelocityProjection(Projection):
    """Projection of a velocity, 1 / (1 - momentum) times as long as a gradient: so the decay is, too."""

    eps: float = ranged(1e-8, "[0, inf)")

    def decay(self, h: Hyper) -> Any:
        return h["weight_decay"] / (1 - h["momentum"])


@dataclass(frozen=True)
class SGDP(Spec):
    """v <- momentum v + (1 - dampening) g;  u = v, or g + momentum v with nesterov;  wd = weight_decay / (1 - momentum)
    p <- p - lr (u - radial part of u) - lr wd_ratio wd p   if p looks scale-invariant, as for AdamP,
    else p <- p - lr (u + wd p).

    lr in [0, inf); momentum, dampening in [0, 1); weight_decay in [0, inf), decoupled; eps in [0, inf), beside
    norms; delta in [0, inf), 0 projects nothing; wd_ratio in [0, 1].
    Source: Heo, Chun, Oh, Han, Yun, Kim, Uh and Ha, ICLR 2021, algorithm 1; test, rows and decay as in the authors'
    package adamp, whose defaults these are, lr of its example.
    Deviations: with nesterov=False the package writes the projection into v, the same tensor as u there; here v is
    the paper's.

    >>> import torch
    >>> from optim import SGDP
    >>> p = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> optimizer = SGDP([p], lr=0.5, momentum=0.5)
    >>> p.grad = torch.tensor([[4.0, -3.0]])
    >>> optimizer.step()                             # v is orthogonal to p already: p = (1, 5.5)
    >>> p.grad = torch.tensor([[5.5, -1.0]])
    >>> optimizer.step()                             # v = (7.5, -2.5), less its part along p is (7.7, -1.4)
    >>> [round(x, 4) for x in p.flatten().tolist()]
    [-2.85, 6.2]
    """

    name: ClassVar[str] = "sgdp"
    lr: float = ranged(0.1, "[0, inf)")
    momentum: float = ranged(0.0, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    nesterov: bool = False
    eps: float = ranged(1e-8, "[0, inf)")
    delta: float = ranged(0.1, "[0, inf)")
    wd_ratio: float = ranged(0.1, "[0, 1]")

    def stages(self) -> tuple[Rule, ...]:
        return (
            DampedMomentum(self.momentum, self.dampening, self.nesterov),
            VelocityProjection(self.weight_decay, self.delta, self.wd_ratio, self.eps),
        )

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"momentum": m}
