"""Weight decay.

L2, HeavyBall        the gradient of loss + weight_decay/2 ||p||^2, through the momentum
L2, AdamMoments      the same through Adam's scaling: not AdamW
AdamMoments, DecoupledDecay      AdamW: beside the scaling, every weight shrinks at the same rate
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..arithmetic import axpy, is_zero
from ..ranges import ranged
from ..rule import Context, Rule

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class L2(Rule):
    """u <- u + weight_decay p."""

    weight_decay: float = ranged(0.0, "[0, inf)")

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        decay = h["weight_decay"]
        # 0 must be the same as no decay to the last bit, and cost nothing: 0 * inf is nan, -0. + 0. is 0.
        return (u, s) if is_zero(decay) else (axpy(decay, p, u, ctx.owns(u, s)), s)


@dataclass(frozen=True)
class DecoupledDecay(L2):
    """u <- u + weight_decay p, at the end of the chain: the step takes lr weight_decay p off each weight."""
