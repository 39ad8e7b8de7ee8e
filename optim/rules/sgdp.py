"""SGDP: momentum that does not let scale-invariant weights grow.

SGDP    DampedMomentum, VelocityProjection
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import axpy, axpy_, scale_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .projection import Projection

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class DampedMomentum(Transform):
    """v <- momentum v + (1 - dampening) u;  u <- v, or u + momentum v with nesterov. Damped from the first step."""

    momentum: float
    dampening: float
    nesterov: bool

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        v = axpy_(1 - h["dampening"], u, scale_(s["v"], h["momentum"]))
        return axpy(h["momentum"], v, u) if self.nesterov else v

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class VelocityProjection(Projection):
    """Projection of a velocity, 1 / (1 - momentum) times as long as a gradient: so the decay is, too."""

    eps: float

    def decay(self, h: Hyper) -> Any:
        return h["weight_decay"] / (1 - h["momentum"])


@dataclass(frozen=True)
class SGDPConfig(OptimizerConfig):
    """The arguments of optim.SGDP, which describes them."""

    name: ClassVar[str] = "sgdp"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.1, "[0, inf)")
    momentum: float = ranged(0.0, "[0, 1)")
    dampening: float = ranged(0.0, "[0, 1)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    nesterov: bool = False
    eps: float = ranged(1e-8, "[0, inf)")
    delta: float = ranged(0.1, "[0, inf)")
    wd_ratio: float = ranged(0.1, "[0, 1]")

    def transforms(self) -> tuple[Transform, ...]:
        return (
            DampedMomentum(self.momentum, self.dampening, self.nesterov),
            VelocityProjection(self.weight_decay, self.delta, self.wd_ratio, self.eps),
        )
