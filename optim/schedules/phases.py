"""Schedules of several phases: warmup-stable-decay and one cycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sqrt
from typing import ClassVar, Literal

from ..ranges import ranged
from .schedule import Schedule

#: from 1 to 0 as x goes from 0 to 1
TAILS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: 1 - x,
    "cosine": lambda x: (1 + cos(pi * x)) / 2,
    "1-sqrt": lambda x: 1 - sqrt(x),
}


@dataclass(frozen=True, kw_only=True)
class WSD(Schedule):
    """1 until the decay, then final + (1 - final) tail(x) with x = 0..1 over the last decay_ratio of the run, per step.

    Warmup-stable-decay: Hu et al., "MiniCPM", COLM 2024, whose tail is exponential (here: `exp` in a branch of a run).
    decay_type: 1 - x, (1 + cos(pi x)) / 2 or 1 - sqrt(x), the last by Hägele et al., "Scaling Laws and Compute-Optimal
    Training Beyond Fixed Training Durations", NeurIPS 2024. decay_ratio: a part of the whole run, warmup included.
    """

    name: ClassVar[str] = "wsd"
    per: ClassVar[Literal["epoch", "step"]] = "step"

    decay_ratio: float = ranged(0.2, "(0, 1]")
    decay_type: Literal["linear", "cosine", "1-sqrt"] = "linear"
    final: float = ranged(0.0, "[0, 1]")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        length = max(1, round(self.decay_ratio * total))
        if t < total - length:
            return 1.0
        return self.final + (1 - self.final) * TAILS[self.decay_type]((t - total + length) / length)

    def problem(self, epochs: int) -> str:
        if (problem := super().problem(epochs)) or self.warmup + self.decay_ratio * epochs <= epochs + 1e-9:
            return problem
        return (
            f"warmup={self.warmup:g} and decay_ratio={self.decay_ratio:g}, which is {self.decay_ratio * epochs:g} "
            f"epochs, are longer than the run, epochs={epochs}"
        )


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """1/div_factor up to 1 over pct_start of the run, then down to 1/(div_factor final_div_factor), per step.

    Smith and Topin, "Super-Convergence", 2018; the learning rate is that of torch's OneCycleLR, whose max_lr is lr
    here. three_phase: down to 1/div_factor over another pct_start, and then to the end, as the paper has it.
    Deviation: the momentum is not cycled; it stays as the optimizer has it (torch: cycle_momentum=False).
    """

    name: ClassVar[str] = "one_cycle"
    per: ClassVar[Literal["epoch", "step"]] = "step"

    pct_start: float = ranged(0.3, "(0, 1)")
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: float = ranged(25.0, "[1, inf)")
    final_div_factor: float = ranged(1e4, "[1, inf)")
    three_phase: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup:
            raise self.error(f"warmup={self.warmup:g} must be 0: pct_start is the part of the run that warms up")
        if self.three_phase and self.pct_start > 0.5:
            raise self.error(f"pct_start={self.pct_start:g} with three_phase is not in (0, 0.5]")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        first, last = 1 / self.div_factor, 1 / self.div_factor / self.final_div_factor
        ends = [self.pct_start * total - 1, *([2 * self.pct_start * total - 2] if self.three_phase else []), total - 1]
        values = [first, 1.0, *([first] if self.three_phase else []), last]
        phase = next((i for i, end in enumerate(ends) if t <= end), len(ends) - 1)
        start, end = [0.0, *ends][phase : phase + 2]
        x = (t - start) / (end - start) if end > start else 1.0
        falling = TAILS["cosine" if self.anneal_strategy == "cos" else "linear"](x)
        return values[phase + 1] + (values[phase] - values[phase + 1]) * falling
