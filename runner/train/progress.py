"""Where a run stands: everything that a checkpoint must hold besides weights and optimizer state."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any


class Diverged(Exception):
    """The loss is no longer a number, or has exploded."""

    def __init__(self, epoch: int, step: int, what: str) -> None:
        super().__init__(f"epoch {epoch}, step {step}: {what}")
        self.where = {"epoch": epoch, "step": step, "what": what}


@dataclass
class Means:
    """Sums over samples in double precision, so that a smaller last batch weighs what it holds."""

    loss: float = 0.0
    metric: float = 0.0
    samples: int = 0

    def add(self, loss_mean: float, metric_sum: float, samples: int) -> None:
        self.loss += loss_mean * samples
        self.metric += metric_sum
        self.samples += samples

    def means(self, metric: str) -> dict[str, float]:
        return {"loss": self.loss / self.samples, metric: self.metric / self.samples}


@dataclass
class Progress:
    """Counters of a run; `epoch` counts finished ones, `step` all steps, `step_in_epoch` those of the open epoch."""

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    first_loss: float | None = None
    this_epoch: Means = field(default_factory=Means)
    this_interval: Means = field(default_factory=Means)
    best: dict[str, Any] | None = None  # {"epoch": n, "step": n, "loss": x, <metric>: x} on validation
    last: dict[str, Any] | None = None  # the same of the newest epoch
    epochs_since_best: int = 0
    stopped_early: bool = False
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "eval": 0.0, "total": 0.0})
    timed_s: float = 0.0  # seconds of the optimizer's own steps, as far as they were timed,
    timed_steps: int = 0  # and how many these are

    def __post_init__(self) -> None:
        self.since = time.perf_counter()  # when seconds["total"] was last brought up to date

    def watch(self, loss: float, divergence_threshold: float) -> None:
        """Raise Diverged if a step's loss says so. Call once `step` counts that step."""
        if not isfinite(loss):
            raise Diverged(self.epoch + 1, self.step, f"loss is {loss}")
        if self.first_loss is None:
            self.first_loss = loss
        if loss > divergence_threshold * max(abs(self.first_loss), 1e-12):
            what = f"loss {loss:.4g} is more than {divergence_threshold:g} times the first step's {self.first_loss:.4g}"
            raise Diverged(self.epoch + 1, self.step, what)

    @contextmanager
    def clock(self, kind: str) -> Iterator[None]:
        """Add the block's wall-clock time to seconds[kind]."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[kind] += time.perf_counter() - start

    def watch_validation(self, loss: float, metric: float, divergence_threshold: float) -> None:
        """Raise Diverged if the validation of the epoch just closed says so."""
        if not (isfinite(loss) and isfinite(metric)):
            raise Diverged(self.epoch, self.step, f"validation loss is {loss}")
        if self.first_loss is not None and loss > divergence_threshold * max(abs(self.first_loss), 1e-12):
            what = (
                f"validation loss {loss:.4g} is more than {divergence_threshold:g} times the first step's "
                f"{self.first_loss:.4g}"
            )
            raise Diverged(self.epoch, self.step, what)

    def add_timed(self, seconds: float, steps: int) -> None:
        self.timed_s += seconds
        self.timed_steps += steps

    def optimizer_s(self) -> float | None:
        """Seconds that all steps of the optimizer took, estimated; None if most of them were not timed."""
        if not self.timed_steps or 2 * self.timed_steps < self.step:
            return None  # as in a stack, where one program does everything
        return self.timed_s / self.timed_steps * self.step

    def tick(self) -> None:
        """Bring seconds["total"] up to now."""
        now = time.perf_counter()
        self.seconds["total"] += now - self.since
        self.since = now

    def state_dict(self) -> dict[str, Any]:
        self.tick()
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Progress:
        means = {key: Means(**state[key]) for key in ("this_epoch", "this_interval")}
        return cls(**{**state, **means})
