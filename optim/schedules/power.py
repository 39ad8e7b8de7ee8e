"""Schedules that fall as a power of the number of steps and know no end of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..ranges import ranged
from .schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class PowerLaw(Schedule):
    """Base: (k / max(n, k))^exponent with n = t + 1 the 1-based step and k the steps of `timescale`.

    timescale: epochs that the learning rate stays at its peak; None: the warmup, and at least one step.
    staircase: it falls once an epoch: n = e + 1 is the 1-based epoch and k = max(1, timescale).
    """

    per: ClassVar[Literal["epoch", "step"]] = "step"

    timescale: float | None = ranged(None, "[0, inf)")
    staircase: bool = False

    @property
    def peak_epochs(self) -> float:
        return self.warmup if self.timescale is None else self.timescale

    def power_law(self, t: int, epoch: int, exponent: float) -> float:
        n, k = (t // epoch + 1, self.peak_epochs) if self.staircase else (t + 1, round(self.peak_epochs * epoch))
        k = max(1, k)
        return (k / max(n, k)) ** exponent

    def notes(self, epochs: int) -> Iterator[str]:
        if self.peak_epochs >= epochs:
            key = "warmup" if self.timescale is None else "timescale"
            yield f"{key}={self.peak_epochs:g}: in a run of {epochs} epochs the learning rate never falls"


@dataclass(frozen=True, kw_only=True)
class InverseSqrt(PowerLaw):
    """sqrt(k / max(n, k)) with n = t + 1 and k the steps of timescale, per step.

    With timescale None, which is the warmup, it is Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation
    3, up to a constant; with a timescale and no warmup it is Raffel et al., "T5", JMLR 2020, section 3.1.2.
    timescale=0 with staircase is 1 / sqrt(e + 1) in epoch e.
    """

    name: ClassVar[str] = "inverse_sqrt"

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return self.power_law(t, epoch, 0.5)


@dataclass(frozen=True, kw_only=True)
class Power(PowerLaw):
    """(k / max(n, k))^exponent with n = t + 1 and k the steps of timescale, per step.

    Shen et al., "Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler", 2024: min(lr, beta a
    n^b) with b = -exponent (their fit: 0.51); k is where the two are equal. timescale=0 is the pure power law
    n^-exponent, with staircase and exponent=1 1 / (e + 1) in epoch e. Deviation: the decay that they put at the end is
    left to a branch of the run.
    """

    name: ClassVar[str] = "power"

    exponent: float = ranged(0.51, "(0, inf)")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return self.power_law(t, epoch, self.exponent)
