"""What a schedule declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..ranges import Checked, ranged


@dataclass(frozen=True, kw_only=True)
class Schedule(Checked):
    """Base: `factor(t, T, epoch)` for t in [0, T); t counts epochs or steps as `per` says."""

    name: ClassVar[str]
    per: ClassVar[Literal["epoch", "step"]] = "epoch"
    after_warmup: ClassVar[bool] = False  # True: t and T count from the end of the warmup

    warmup: float = ranged(0.0, "[0, inf)")  # epochs

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        """The factor on the learning rate, in [0, 1]. epoch: the length of an epoch in the unit of t and `total`."""
        raise NotImplementedError

    def problem(self, epochs: int) -> str:
        """Why the schedule does not fit into a run of so many epochs; empty if it does."""
        return f"warmup={self.warmup:g} is longer than the run, epochs={epochs}" if self.warmup > epochs else ""

    def notes(self, epochs: int) -> Iterator[str]:
        """What of the schedule a run of so many epochs never comes to, a line each."""
        return iter(())
