"""Cosine annealing, once or with warm restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi
from typing import ClassVar, Literal

from ..ranges import ranged
from .schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """final + (1 - final) (1 + cos(pi t/T)) / 2, per step (Loshchilov and Hutter, SGDR, ICLR 2017, equation 5).

    T_0: the epochs after which t starts from 0 again, each cycle T_mult times as long as the one before; None: one
    cosine over the whole run. torch's CosineAnnealingWarmRestarts, with T_0 rounded to whole steps.
    """

    name: ClassVar[str] = "cosine"
    per: ClassVar[Literal["epoch", "step"]] = "step"
    after_warmup: ClassVar[bool] = True

    final: float = ranged(0.0, "[0, 1]")
    T_0: float | None = ranged(None, "(0, inf)")
    T_mult: int = ranged(1, "[1, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.T_0 is None and self.T_mult != 1:
            raise self.error(f"T_mult={self.T_mult} needs T_0, the epochs until the first restart")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        if self.T_0 is not None:
            total = max(1, round(self.T_0 * epoch))
            while t >= total:  # T_mult = 1: as often as the run has cycles
                t, total = t - total, total * self.T_mult
        return self.final + (1 - self.final) * (1 + cos(pi * t / total)) / 2

    def problem(self, epochs: int) -> str:
        if (problem := super().problem(epochs)) or self.T_0 is None or self.T_0 <= epochs - self.warmup:
            return problem
        after = f" after warmup={self.warmup:g}" if self.warmup else ""
        return f"T_0={self.T_0:g} is longer than the {epochs - self.warmup:g} epochs that the run has{after}"

    def notes(self, epochs: int) -> Iterator[str]:
        """A line for a last cycle that the run's end cuts off above its floor."""
        if self.T_0 is None:
            return
        end, cycle = self.warmup + self.T_0, self.T_0
        while end + cycle * self.T_mult <= epochs + 1e-9:
            cycle *= self.T_mult
            end += cycle
        if end < epochs - 1e-9:
            yield (
                f"T_0={self.T_0:g} with T_mult={self.T_mult}: the last cycle starts at epoch {end:g} and would end at "
                f"{end + cycle * self.T_mult:g}; the run ends at {epochs}"
            )
