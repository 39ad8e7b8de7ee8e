"""Counters, running means and times of a run: what a checkpoint holds besides weights and optimizer state."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

from results.typed import read_dataclass


class Diverged(Exception):
    """The loss is not finite or exceeds the divergence threshold."""

    def __init__(self, epoch: int, step: int, what: str) -> None:
        super().__init__(f"epoch {epoch}, step {step}: {what}")
        self.where = {"epoch": epoch, "step": step, "what": what}


class StepResult(NamedTuple):
    """loss: mean over the batch; metric_sum: sum over the batch; samples: in the batch, over all processes;
    gradient_norm: before clipping, None without clip_norm."""

    loss: float
    metric_sum: float
    samples: int
    lr: float
    gradient_norm: float | None = None


@dataclass
class Means:
    """Sums over samples in double precision, so that a smaller last batch has the weight of its samples.

    samples: or what else a loss is a mean over (Task.batch_weight), such as predicted tokens.
    """

    loss: float = 0.0
    metric: float = 0.0
    samples: int = 0

    def add(self, loss_mean: float, metric_sum: float, samples: int) -> None:
        self.loss += loss_mean * samples
        self.metric += metric_sum
        self.samples += samples

    def means(self, metric: str, values_of_loss: Callable[[float], dict[str, float]] | None = None) -> dict[str, float]:
        """{"loss": mean loss, metric: mean metric} and what else follows from the loss, of a task the metric too."""
        loss = self.loss / self.samples
        further = values_of_loss(loss) if values_of_loss else {}
        return {"loss": loss, metric: self.metric / self.samples, **further}


@dataclass
class Clipping:
    """What clip_norm does to the steps of an interval. norm: sum of the gradients' norms before clipping."""

    norm: float = 0.0
    clipped: int = 0
    steps: int = 0

    def add(self, norm: float, max_norm: float) -> None:
        self.norm += norm
        self.clipped += norm > max_norm
        self.steps += 1

    def means(self) -> dict[str, float]:
        """The mean norm and the share of the steps that were clipped; nothing without steps, or if not finite."""
        if not self.steps or not isfinite(self.norm):
            return {}
        return {"mean_gradient_norm": self.norm / self.steps, "clipped": self.clipped / self.steps}


@dataclass
class Progress:
    """State of a run's loop. epoch: finished epochs; step: all steps; step_in_epoch: steps of the current epoch."""

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    first_loss: float | None = None
    this_epoch: Means = field(default_factory=Means)
    this_interval: Means = field(default_factory=Means)  # of the steps since the last row of a step
    clipping: Clipping = field(default_factory=Clipping)  # of the same steps
    best: dict[str, Any] | None = None  # {"epoch": n, "step": n, "loss": x, <metric>: x} on validation
    last: dict[str, Any] | None = None  # the same of the last finished epoch
    val_losses: tuple[float, ...] = ()  # of each finished epoch
    averaging_from: int | None = None  # the epoch whose steps the optimizer has begun to average after (nt_asgd)
    best_checksum: int | None = None  # of best.pt, in the process that has written it
    epochs_since_best: int = 0
    stopped_early: bool = False
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "eval": 0.0, "total": 0.0})
    timed_s: float = 0.0  # seconds of the timed optimizer steps,
    timed_steps: int = 0  # and their number

    def __post_init__(self) -> None:
        self.last_update = time.perf_counter()  # when seconds["total"] was updated

    def add_step(self, result: StepResult, threshold: float, clip_norm: float | None = None) -> None:
        """Count a training step. Raises Diverged if its loss is not finite or exceeds the threshold."""
        self.step += 1
        self.step_in_epoch += 1
        self.check_divergence(result.loss, threshold)
        for means in (self.this_epoch, self.this_interval):
            means.add(result.loss, result.metric_sum, result.samples)
        if clip_norm is not None and result.gradient_norm is not None:
            self.clipping.add(result.gradient_norm, clip_norm)

    def end_interval(self) -> tuple[Means, dict[str, float]]:
        """The means of the steps since the last call, and those of their clipping."""
        means, self.this_interval = self.this_interval, Means()
        clipping, self.clipping = self.clipping.means(), Clipping()
        return means, clipping

    def check_divergence(self, loss: float, threshold: float) -> None:
        """Raise Diverged for the loss of the training step that `step` has counted."""
        self._check(self.epoch + 1, "loss", loss, threshold)

    def check_validation(self, loss: float, metric: float, threshold: float) -> None:
        """Raise Diverged for the validation of the epoch that `epoch` has counted."""
        self._check(self.epoch, "validation loss", loss, threshold)
        if not isfinite(metric):
            raise Diverged(self.epoch, self.step, f"validation metric is {metric}")

    def _check(self, epoch: int, what: str, loss: float, threshold: float) -> None:
        """threshold: as a multiple of the first training step's loss."""
        if not isfinite(loss):
            raise Diverged(epoch, self.step, f"{what} is {loss}")
        if self.first_loss is None:
            self.first_loss = loss
        if loss > threshold * max(abs(self.first_loss), 1e-12):
            reason = f"{what} {loss:.4g} is more than {threshold:g} times the first step's {self.first_loss:.4g}"
            raise Diverged(epoch, self.step, reason)

    def is_over(self, epochs: int) -> bool:
        """Whether a run of so many epochs has come to its end, or early stopping has ended it."""
        return self.epoch >= epochs or self.stopped_early

    def end_epoch(self) -> None:
        """Count the current epoch as finished."""
        self.epoch, self.step_in_epoch, self.this_epoch = self.epoch + 1, 0, Means()

    def begin_average(self, ends_the_run: bool) -> str:
        """Note that validation has stopped to improve; return a line that says so.

        ends_the_run: where weights are averaged already, as in a branch that starts from their mean.
        """
        line = "Validation is no longer improving"
        if self.averaging_from is None:
            self.averaging_from = self.epoch + 1
            return f"{line}: from epoch {self.epoch + 1} on weights are averaged."
        self.stopped_early |= ends_the_run
        return f"{line}: the branch ends after epoch {self.epoch}." if ends_the_run else f"{line}."

    def update_best(self, means: dict[str, float], metric: str, is_better: Callable[[float, float], bool]) -> bool:
        """Record the validation of the last finished epoch; return whether it is the best so far."""
        self.last = {"epoch": self.epoch, "step": self.step, **means}
        is_best = self.best is None or is_better(means[metric], self.best[metric])
        if is_best:
            self.best = dict(self.last)
        self.epochs_since_best = 0 if is_best else self.epochs_since_best + 1
        return is_best

    @contextmanager
    def timer(self, kind: str) -> Iterator[None]:
        """Add the block's wall-clock time to seconds[kind]."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[kind] += time.perf_counter() - start

    def update_total(self) -> None:
        """Add the time since the last update to seconds["total"]."""
        now = time.perf_counter()
        self.seconds["total"] += now - self.last_update
        self.last_update = now

    def add_optimizer_time(self, seconds: float, steps: int) -> None:
        self.timed_s += seconds
        self.timed_steps += steps

    def optimizer_s(self) -> float | None:
        """Seconds of all steps of the optimizer, estimated from the timed ones; None if most were not timed."""
        if not self.timed_steps or 2 * self.timed_steps < self.step:
            return None  # as for stacked runs, where one program does everything
        return self.timed_s / self.timed_steps * self.step

    def state_dict(self) -> dict[str, Any]:
        self.update_total()
        return dataclasses.asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore in place. Raises ValueError for what is no such state."""
        loaded = read_dataclass(Progress, state, "progress")
        for each in dataclasses.fields(self):
            setattr(self, each.name, getattr(loaded, each.name))
