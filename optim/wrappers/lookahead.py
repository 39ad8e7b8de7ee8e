"""Slow weights that follow the optimizer's fast ones: k steps forward, one step back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import choose, copy_where_, each, lerp, zeros
from ..ranges import ranged
from ..transform import Context, MomentumWrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class LookaheadWrapper(MomentumWrapper):
    """Transform of optim.Lookahead, where the arguments are documented."""

    name: ClassVar = "lookahead"
    place: ClassVar = "weights"
    k: int = ranged(5, "[1, inf)")
    alpha: float = ranged(0.5, "(0, 1]")
    pullback: str = ranged("none", "{none, reset, pullback}")

    def init(self, p: Tensor, h: Hyper) -> State:
        beside = h["momentum_buffers"] if self.pullback == "pullback" else ()
        assert "slow" not in beside, "a momentum buffer has the name of Lookahead's own tensor"
        return {"slow": p.clone(), **{name: zeros(p) for name in beside}}

    def init_late(self, p: Tensor, buffers: State, h: Hyper, t: int) -> State:
        start = self.init(p, h)
        return {name: buffers[name].clone() if name in buffers else x for name, x in start.items()}

    def post_update(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        due = ctx.t % self.k == 0
        slow = copy_where_(due, s["slow"], lambda: lerp(s["slow"], p, h["alpha"]))
        return choose(due, lambda: slow, lambda: p)

    @property
    def changes_momentum(self) -> bool:
        return self.pullback != "none"

    def update_momentum(self, buffers: State, s: State, h: Hyper, ctx: Context) -> None:
        due = ctx.t % self.k == 0
        for name, v in buffers.items():
            if self.pullback == "reset":
                copy_where_(due, v, lambda v=v: each(zeros, v))
            else:
                slow = copy_where_(due, s[name], lambda v=v, w=s[name]: lerp(w, v, h["alpha"]))
                copy_where_(due, v, lambda slow=slow: slow)

    def evaluation_weights(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return s["slow"]
