"""A running mean of the weights, to evaluate with; training never sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import mean, zeros
from ..ranges import ranged
from ..rule import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class EMA(Wrapper):
    """m <- momentum m + (1 - momentum) p, m = 0 before the first step; evaluated at m / (1 - momentum^t).

    momentum in [0, 1), and 0 evaluates the weights themselves, to the last bit; debias=False evaluates at m,
    which is near 0 for the first 1 / (1 - momentum) steps. p are the weights that training goes on from: with
    Lookahead, those after its synchronisation, wherever the two are put, and m is then what is evaluated.
    Put around an optimizer that has taken steps already, the mean counts them as steps at the present weights.
    Source: objax (Google, 2020), optimizer.ExponentialMovingAverage.
    Deviations: debias is on unless it is turned off (objax: the other way round), and lacks objax's eps = 1e-6
    against a division by 0 before the first step, when here the weights themselves are evaluated.
    """

    name: ClassVar = "ema"
    place: ClassVar = "average"
    momentum: float = ranged(0.999, "[0, 1)")
    debias: bool = True

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p)}

    def join(self, p: Tensor, m: State, h: Hyper, t: int) -> State:
        return {"m": p * (1 - h["momentum"] ** t)}

    def after(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        return p, {"m": mean(s["m"], p, h["momentum"], ctx.own)}

    def evaluation(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return s["m"] / (1 - h["momentum"] ** ctx.t) if self.debias else s["m"]
