"""The mean of the weights that training passes through from some step on, to evaluate with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import choose, copy_where_, lerp, zeros
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class SWAWrapper(Wrapper):
    """Transform of optim.SWA, where the arguments are documented."""

    name: ClassVar = "swa"
    place: ClassVar = "average"
    excludes: ClassVar = {"ema": "only one mean of the weights can be evaluated"}
    in_epochs: ClassVar = ("start", "every")
    start: int = ranged(1, "[1, inf)")
    every: int = ranged(1, "[1, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "n": p.new_zeros(())}

    def post_update(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        due = (ctx.t >= self.start) & ((ctx.t - self.start) % self.every == 0)
        n = copy_where_(due, s["n"], lambda: s["n"] + 1)
        copy_where_(due, s["m"], lambda: lerp(s["m"], p, 1 / n))
        return p

    def evaluation_weights(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return choose(s["n"] > 0, lambda: s["m"], lambda: p)
