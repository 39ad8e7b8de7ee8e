"""Gradient descent, plain, with a heavy ball, and with Nesterov's look-ahead.

SGD                                   L2
SGD(momentum=0.9), Momentum           L2, HeavyBall
SGD(momentum=0.9, nesterov), Nesterov L2, NesterovMomentum
Momentum(lr_in_velocity=True)         L2, TimesLR, HeavyBall
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulate_, axpy, choose, is_zero, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class TimesLR(Transform):
    """u <- lr u, before a velocity that then holds steps: each keeps the learning rate that it was taken at."""

    applies_lr: ClassVar[bool] = True

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return u * h["lr"]


@dataclass(frozen=True)
class HeavyBall(Transform):
    """v <- momentum v + (1 - dampening) u;  u <- v, and v = u at the first step."""

    momentum: float
    dampening: float = 0.0

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        if not is_zero(dampening := h["dampening"]):
            u = u * choose(ctx.t == 1, lambda: 1.0, lambda: 1 - dampening)
        return accumulate_(s["v"], u, h["momentum"])

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class NesterovMomentum(Transform):
    """v <- momentum v + u;  u <- u + momentum v."""

    momentum: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        v = accumulate_(s["v"], u, h["momentum"])
        return axpy(h["momentum"], v, u)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


def with_lr(velocity: Transform, inside: bool) -> tuple[Transform, ...]:
    """A velocity, with the learning rate inside it or, as usual, outside."""
    return (TimesLR(), velocity) if inside else (velocity,)


@dataclass(frozen=True)
class SGDConfig(OptimizerConfig):
    """Configuration of optim.SGD, where the arguments are documented."""

    name: ClassVar[str] = "sgd"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.01, "[0, inf)")
    momentum: float = ranged(0.0, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    nesterov: bool = False
    lr_in_velocity: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.momentum and (self.nesterov or self.dampening or self.lr_in_velocity):
            raise self.error("nesterov, dampening and lr_in_velocity need momentum, which is 0")
        if self.nesterov and self.dampening:
            raise self.error(f"nesterov needs dampening=0, not {self.dampening}")

    def transforms(self) -> tuple[Transform, ...]:
        if not self.momentum:
            return (L2(self.weight_decay),)
        velocity = NesterovMomentum(self.momentum) if self.nesterov else HeavyBall(self.momentum, self.dampening)
        return L2(self.weight_decay), *with_lr(velocity, self.lr_in_velocity)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        if not self.momentum:
            raise self.error("has no momentum to set where it was made with momentum=0")
        return super().with_momentum(m, h)


@dataclass(frozen=True)
class MomentumConfig(OptimizerConfig):
    """Configuration of optim.Momentum, where the arguments are documented."""

    name: ClassVar[str] = "momentum"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.01, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    lr_in_velocity: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        velocity = HeavyBall(self.momentum, self.dampening)
        return L2(self.weight_decay), *with_lr(velocity, self.lr_in_velocity)


@dataclass(frozen=True)
class NesterovConfig(OptimizerConfig):
    """Configuration of optim.Nesterov, where the arguments are documented."""

    name: ClassVar[str] = "nesterov"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.01, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    lr_in_velocity: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), *with_lr(NesterovMomentum(self.momentum), self.lr_in_velocity)
