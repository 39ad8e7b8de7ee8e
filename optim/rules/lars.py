"""LARS: each layer moves by the same fraction of its norm, whatever its gradient's.

LARS                                                     every tensor is a layer
LARS(exclude_1d=True)                                    biases and norms take plain momentum steps
LARS([{"params": weights}, {"params": others, "trust_coefficient": 0, "weight_decay": 0}])    the same by group
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulated, axpy, choose, each, is_zero, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class LayerwiseMomentum(Rule):
    """ratio = trust_coefficient ||p|| / (||u|| + weight_decay ||p||), but 1 if either norm or the coefficient is 0
    v <- momentum v + lr ratio (u + weight_decay p);  u <- v.

    lr is inside v, so applies_lr.
    """

    applies_lr: ClassVar[bool] = True
    momentum: float = ranged(0.9, "[0, 1)")
    weight_decay: float = ranged(5e-4, "[0, inf)")
    trust_coefficient: float = ranged(1e-3, "[0, inf)")
    exclude_1d: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        v = accumulated(s["v"], each(lambda u, p: self._scaled(u, p, h), u, p), h["momentum"], ctx.own)
        return v, {"v": v}

    def _scaled(self, u: Tensor, p: Tensor, h: Hyper) -> Tensor:
        decay, rate = h["weight_decay"], h["lr"]
        if self.exclude_1d and p.ndim < 2:
            decay = 0.0
        elif not is_zero(trust := h["trust_coefficient"]):
            # in the elements' logical order, so that the memory format changes nothing
            p_norm, u_norm = p.reshape(-1).norm(), u.reshape(-1).norm()
            ratio = trust * p_norm / (u_norm + decay * p_norm)
            adapts = (p_norm > 0) & (u_norm > 0) & (trust > 0)
            rate = rate * choose(adapts, lambda: ratio, lambda: 1.0)
        return u.mul(rate).to(u.dtype) if is_zero(decay) else axpy(decay, p, u).mul_(rate)

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class LARS(Spec):
    """ratio = trust_coefficient ||p|| / (||g|| + weight_decay ||p||), for each tensor
    v <- momentum v + lr ratio (g + weight_decay p);  p <- p - v.

    lr in [0, inf); momentum in [0, 1); weight_decay in [0, inf), L2; trust_coefficient in [0, inf), and 0 means
    ratio = 1, for groups that are not to be adapted; exclude_1d: vectors and numbers (biases, norms) are neither
    adapted nor decayed.
    Source: You, Gitman and Ginsburg, 2017 (arXiv 1708.03888), algorithm 1 and eq. 6. lr is inside v: after a cut of
    lr, past gradients go on at the old one. Packages for torch have it outside, the same only at constant lr.
    Deviations: ratio = 1 if ||p|| or ||g|| is 0, as in the authors' code, else zero weights would stay zero.
    lr is not the paper's, who tune it; the other defaults are theirs.

    >>> import torch
    >>> from optim import LARS
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> p.grad = torch.tensor([0.0, 200.0])
    >>> LARS([p], lr=1.0, weight_decay=0.0, trust_coefficient=0.1).step()    # a tenth of 5, the norm of p
    >>> p.tolist()
    [3.0, 3.5]
    """

    name: ClassVar[str] = "lars"
    lr: float = ranged(1.0, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    weight_decay: float = ranged(5e-4, "[0, inf)")
    trust_coefficient: float = ranged(1e-3, "[0, inf)")
    exclude_1d: bool = False

    def stages(self) -> tuple[Rule, ...]:
        return (LayerwiseMomentum(self.momentum, self.weight_decay, self.trust_coefficient, self.exclude_1d),)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"momentum": m}
