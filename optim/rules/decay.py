"""Weight decay.

L2, HeavyBall        the gradient of loss + weight_decay/2 ||p||^2, through the momentum
L2, AdamMoments      the same through Adam's scaling: not AdamW
AdamMoments, DecoupledDecay      AdamW: beside the scaling, every weight shrinks at the same rate
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy, axpy_, is_zero
from ..transform import Context, Transform

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class L2(Transform):
    """u <- u + weight_decay p."""

    weight_decay: float

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        decay = h["weight_decay"]
        # 0 must be the same as no decay to the last bit, and cost nothing: 0 * inf is nan, -0. + 0. is 0.
        return u if is_zero(decay) else axpy(decay, p, u)


@dataclass(frozen=True)
class DecoupledDecay(Transform):
    """u <- u + weight_decay p, after a method's other transforms: the step takes lr weight_decay p off each weight.

    times_lr: for a method that applies lr, whose u is the step itself: u <- u + lr weight_decay p.
    """

    decoupled: ClassVar[bool] = True
    weight_decay: float
    times_lr: bool = field(default=False, kw_only=True)

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        decay = h["weight_decay"]
        if is_zero(decay):
            return u
        decay = h["lr"] * decay if self.times_lr else decay
        # what Adam has made for this step only may be overwritten, which saves a pass; a velocity may not
        temporary = u is not ctx.g and all(u is not x for x in s.values())
        return axpy_(decay, p, u) if temporary else axpy(decay, p, u)


def with_decay(method: Transform, weight_decay: float, decoupled: bool) -> tuple[Transform, ...]:
    """A method with its weight decay, L2 before it or decoupled after it."""
    return (method, DecoupledDecay(weight_decay)) if decoupled else (L2(weight_decay), method)
