"""Training at an interpolation of the optimizer's own sequence and its average, evaluated at the average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import axpy_, copy_, lerp, maximum_
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State

_AVERAGE = "its own average is what is to be evaluated"


@dataclass(frozen=True)
class ScheduleFreeWrapper(Wrapper):
    """Transform of optim.ScheduleFree, where the arguments are documented.

    With s the step size, y = beta x + (1 - beta) z and the weight c of z in the average x, the method is

        z' = z - s u;  x' = (1 - c) x + c z';  y' = beta x' + (1 - beta) z' = (1 - c) (y - (1 - beta) s u) + c z'

    so that a step of (1 - beta) u and an interpolation make y' of y, and x need not be kept. The sum of the averaging
    weights t^r lr_max^weight_lr_power is kept in units of the last of them: c is 1 over it, and it is the number of
    steps, exactly, while lr_max stays the same and r = 0.
    """

    name: ClassVar = "schedule_free"
    place: ClassVar = "weights"
    excludes: ClassVar = {"lookahead": "both move the training weights", "ema": _AVERAGE, "swa": _AVERAGE}
    beta: float = ranged(0.9, "(0, 1]")
    r: float = ranged(0.0, "[0, inf)")
    weight_lr_power: float = ranged(2.0, "[0, inf)")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"z": p.clone(), "weight_sum": p.new_zeros(()), "lr_max": p.new_zeros(())}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        axpy_(-h["step_size"], u, s["z"])
        return u * (1 - h["beta"])

    def post_update(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        before = s["lr_max"].clone()
        # while all lr have been 0, x, y and z are one, whatever their weights
        rise = before / maximum_(s["lr_max"], h["lr"]).clamp_min(1e-30)
        last = rise ** h["weight_lr_power"] * ((ctx.t - 1) / ctx.t) ** h["r"]
        weight_sum = copy_(s["weight_sum"], s["weight_sum"] * last + 1)
        return lerp(p, s["z"], 1 / weight_sum)

    def evaluation_weights(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return lerp(s["z"], p, 1 / h["beta"])
