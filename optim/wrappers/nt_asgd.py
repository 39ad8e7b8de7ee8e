"""The mean of the weights from the epoch on at which validation stops to improve, to evaluate with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import choose, lerp_, zeros
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State

_AVERAGE = "only one mean of the weights can be evaluated"


@dataclass(frozen=True)
class NTASGDWrapper(Wrapper):
    """Transform of optim.NTASGD, where the arguments are documented."""

    name: ClassVar = "nt_asgd"
    place: ClassVar = "average"
    excludes: ClassVar = {"ema": _AVERAGE, "swa": _AVERAGE, "schedule_free": _AVERAGE}
    n: int = ranged(5, "[1, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "steps": p.new_full((), -1)}  # since the trigger; -1 before it

    def init_again(self, p: Tensor, s: State, h: Hyper) -> State:
        return {"m": zeros(p), "steps": s["steps"].clamp(max=0)}  # a mean that has begun begins with the next step

    def post_update(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        triggered = s["steps"].ge(0).type_as(s["steps"])
        steps = s["steps"].add_(triggered)
        lerp_(s["m"], p, triggered / (steps - 1).clamp_min(1))  # torch's ASGD leaves out the first weights too
        return p

    def evaluation_weights(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return choose(s["steps"] > 0, lambda: s["m"], lambda: p)

    def end_epoch(self, losses: Sequence[float], states: Iterable[State]) -> bool:
        epoch = self.trigger(losses)
        for s in states if epoch is not None else ():
            s["steps"].clamp_(min=0)
        return epoch == len(losses) - 1

    def trigger(self, losses: Sequence[float]) -> int | None:
        """The first place of a loss that is worse than the best of those before it but for the last `n`."""
        best = inf
        for i, loss in enumerate(losses):
            best = min(best, losses[i - self.n - 1]) if i > self.n else best
            if loss > best:
                return i
        return None
