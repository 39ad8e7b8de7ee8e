"""A running mean of the weights, to evaluate with; training never sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import ema_, zeros
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class EMAWrapper(Wrapper):
    """The arguments of optim.EMA, which describes them."""

    name: ClassVar = "ema"
    place: ClassVar = "average"
    momentum: float = ranged(0.999, "[0, 1)")
    debias: bool = True

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p)}

    def init_late(self, p: Tensor, buffers: State, h: Hyper, t: int) -> State:
        return {"m": p * (1 - h["momentum"] ** t)}

    def post_update(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        ema_(s["m"], p, h["momentum"])
        return p

    def evaluation_weights(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return s["m"] / (1 - h["momentum"] ** ctx.t) if self.debias else s["m"]
