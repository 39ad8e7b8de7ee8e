"""Aggregated momentum with a rate for each velocity, of which Nesterov's method is one case.

AggMoGeneral                                 Nesterov with momentum 0.9
AggMoGeneral.nesterov(params, 0.05, 0.99)    Nesterov with momentum 0.99
AggMoGeneral(betas=betas, rates=(1, ..., 1)) AggMo
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulate_, axpy_
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .aggmo import AggregatedMomentum, betas_field
from .decay import L2

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class WeightedMomentum(AggregatedMomentum):
    """v_i <- beta_i v_i + u;  u <- mean_i rate_i v_i."""

    rates: tuple[float, ...] = ()

    def init(self, p: Tensor, h: Hyper) -> State:
        self.check_state({}, h)
        return super().init(p, h)

    def check_state(self, s: State, h: Hyper) -> None:
        if problem := number_mismatch(h["betas"], h["rates"]):
            raise ValueError(f"AggMoGeneral: {problem}")
        super().check_state(s, h)

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        mean = u
        for i, (beta, rate) in enumerate(zip(h["betas"], h["rates"], strict=True)):
            v = accumulate_(s[f"v{i}"], u, beta)
            mean = v * rate if i == 0 else axpy_(rate, v, mean)
        return mean.div_(len(h["betas"]))


def number_mismatch(betas: Any, rates: Any) -> str:
    """What is wrong where betas and rates differ in number; empty if they do not."""
    if len(rates) == len(betas):
        return ""
    return f"rates has {len(rates)} values and betas has {len(betas)}; each beta needs one"


@dataclass(frozen=True)
class AggMoGeneralConfig(OptimizerConfig):
    """Configuration of optim.AggMoGeneral, where the arguments are documented."""

    name: ClassVar[str] = "aggmo_general"
    lr: float = ranged(0.05, "[0, inf)")
    betas: tuple[float, ...] = betas_field(0.0, 0.9)
    rates: tuple[float, ...] = ranged((2.0, 1.8), "[0, inf)", metadata={"min_size": 1})
    weight_decay: float = ranged(0.0, "[0, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if problem := number_mismatch(self.betas, self.rates):
            raise self.error(problem)

    def transforms(self) -> tuple[Transform, ...]:
        return L2(self.weight_decay), WeightedMomentum(tuple(self.betas), tuple(self.rates))

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        """Nesterov's method with momentum m, as AggMo's last stage is a velocity beside the plain gradient."""
        return {"betas": (0.0, m), "rates": (2.0, 2 * m)}
