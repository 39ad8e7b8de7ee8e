"""Aggregated momentum: several velocities with different damping, and the step is their mean.

AggMo        L2, AggregatedMomentum(betas)
AggMoExp     L2, AggregatedMomentum(1 - a^i, i = 0..k-1)
AggMo((0,))  gradient descent;   AggMo((beta,))  a heavy ball
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulate_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


def betas_field(*default: float) -> Any:
    return ranged(default, "[0, 1)", metadata={"min_size": 1})


@dataclass(frozen=True)
class AggregatedMomentum(Transform):
    """v_i <- beta_i v_i + u;  u <- mean_i v_i."""

    betas: tuple[float, ...] = betas_field(0.0, 0.9, 0.99)  # with a range, because for AggMoExp it is no argument

    def init(self, p: Tensor, h: Hyper) -> State:
        return {f"v{i}": zeros(p) for i in range(len(h["betas"]))}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        # a velocity's key is its position, not its beta: equal betas are two velocities, betas may change
        mean, betas = u, h["betas"]
        for i, beta in enumerate(betas):
            v = accumulate_(s[f"v{i}"], u, beta)
            # summed at once, while v is in cache; v0 itself is state and stays as it is
            mean = v if i == 0 else mean + v if i == 1 else mean.add_(v)
        return mean if len(betas) == 1 else mean.div_(len(betas))

    def remap_state(self, s: State, old: Hyper, new: Hyper) -> State:
        """Each new velocity inherits from the old one with the nearest beta (the first of equals)."""

        def nearest(beta: float) -> int:
            return min(range(len(old["betas"])), key=lambda i: abs(old["betas"][i] - beta))

        return {f"v{i}": s[f"v{nearest(beta)}"].clone() for i, beta in enumerate(new["betas"])}

    def check_state(self, s: State, h: Hyper) -> None:
        n = len(h["betas"])
        if s and (f"v{n}" in s or f"v{n - 1}" not in s):
            raise ValueError(f"betas={h['betas']}: only set_momentum may change their number, as each has a velocity")

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return tuple(f"v{i}" for i in range(len(h["betas"])))


@dataclass(frozen=True)
class AggMoConfig(OptimizerConfig):
    """Configuration of optim.AggMo, where the arguments are documented."""

    name: ClassVar[str] = "aggmo"
    lr: float = ranged(0.1, "[0, inf)")
    betas: tuple[float, ...] = betas_field(0.0, 0.9, 0.99)
    weight_decay: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), AggregatedMomentum(tuple(self.betas))

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        """The paper's last stage of training: one velocity of momentum m beside the plain gradient."""
        return {"betas": (0.0, m)}


@dataclass(frozen=True)
class AggMoExpConfig(OptimizerConfig):
    """Configuration of optim.AggMoExp, where the arguments are documented."""

    name: ClassVar[str] = "aggmo_exp"
    lr: float = ranged(0.1, "[0, inf)")
    a: float = ranged(0.1, "(0, 1)")
    k: int = ranged(3, "[1, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        for i, beta in enumerate(self.betas):
            if beta >= 1:
                raise self.error(f"a={self.a}, k={self.k} make betas[{i}]={beta}, which is not in [0, 1)")

    @property
    def betas(self) -> tuple[float, ...]:
        return tuple(1 - self.a**i for i in range(self.k))

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), AggregatedMomentum(self.betas)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        """As for AggMo."""
        return {"betas": (0.0, m)}
