"""AdaBound: Adam at the start, SGD at the end, by bounds on each coordinate's learning rate that close in.

AdaBound                                  L2, BoundedMoments
AdaBound(decoupled_weight_decay=True)     BoundedMoments, DecoupledDecay
AMSBound                                  L2, BoundedMoments(amsbound), with the largest second moment so far
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import ema_, ema_square_, maximum_, zeros
from ..config import OptimizerConfig
from ..ranges import FLOAT32_MAX, ranged
from ..transform import Context, Transform
from .decay import with_decay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class BoundedMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2
    u <- clip(sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps), lower, upper) m
    lower = final (1 - 1 / (gamma t + 1)), upper = final (1 + 1 / (gamma t)), final = final_lr / base_lr.

    amsbound: v_max <- max(v_max, v) takes v's place under the root.
    """

    betas: tuple[float, float]
    final_lr: float
    gamma: float
    eps: float
    base_lr: float = ranged(1e-3, "(0, inf)")  # no argument, but a group may name its own
    amsbound: bool = False

    def init(self, p: Tensor, h: Hyper) -> State:
        names = ("m", "v", "v_max") if self.amsbound else ("m", "v")
        return {name: zeros(p) for name in names}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), t = h["betas"], ctx.t
        m, v = ema_(s["m"], u, beta1), ema_square_(s["v"], u, beta2)
        if self.amsbound:
            v = maximum_(s["v_max"], v)
        # The authors clip lr x between bounds that they scale by lr / base_lr, to make them follow a schedule.
        # The optimizer multiplies by lr, so that lr cancels from the bounds: no division by an lr of 0.
        final = h["final_lr"] / h["base_lr"]
        root = v.sqrt().add_(h["eps"])
        rate = root.reciprocal().mul_((1 - beta2**t) ** 0.5 / (1 - beta1**t))
        rate = rate.clamp_min_(final * (1 - 1 / (h["gamma"] * t + 1))).clamp_max_(final * (1 + 1 / (h["gamma"] * t)))
        return rate.mul_(m)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class _BoundedConfig(OptimizerConfig):
    """Configuration of AdaBound and AMSBound. base_lr is the lr that a group was given when it was made."""

    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    final_lr: float = ranged(0.1, "(0, inf)")
    gamma: float = ranged(1e-3, "(0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.group_values({**vars(self), "base_lr": 1e-3})

    def group_values(self, h: Hyper) -> dict[str, Any]:
        base_lr = float(h["lr"]) or h["base_lr"]
        if (bound := h["final_lr"] / base_lr * (1 + 1 / h["gamma"])) > FLOAT32_MAX:
            raise self.error(
                f"final_lr={h['final_lr']}, lr={base_lr}, gamma={h['gamma']} make the first upper bound {bound:.2g}, "
                f"which is beyond float32's largest number, {FLOAT32_MAX:.2g}"
            )
        return {"base_lr": base_lr}

    def bounded(self, amsbound: bool, decoupled: bool) -> tuple[Transform, ...]:
        base_lr = float(self.lr) or 1e-3
        moments = BoundedMoments(self.betas, self.final_lr, self.gamma, self.eps, base_lr, amsbound)
        return with_decay(moments, self.weight_decay, decoupled)


@dataclass(frozen=True)
class AdaBoundConfig(_BoundedConfig):
    """Configuration of optim.AdaBound, where the arguments are documented."""

    name: ClassVar[str] = "adabound"
    amsbound: bool = False
    decoupled_weight_decay: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        return self.bounded(self.amsbound, self.decoupled_weight_decay)


@dataclass(frozen=True)
class AMSBoundConfig(_BoundedConfig):
    """Configuration of optim.AMSBound, where the arguments are documented."""

    name: ClassVar[str] = "amsbound"
    decoupled_weight_decay: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        return self.bounded(True, self.decoupled_weight_decay)
