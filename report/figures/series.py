"""Curves of runs by epoch, step or seconds, and the mean of several with a band around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from results.run import Run

if TYPE_CHECKING:
    import numpy

By = Literal["epoch", "step", "seconds"]
Band = Literal["range", "std"]
X_NAMES = {"epoch": "epoch", "step": "step", "seconds": "seconds of training"}


class Curve(NamedTuple):
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Mean:
    """At each x the mean over the curves that reach it; low, high: the band, empty for a single curve."""

    x: numpy.ndarray
    y: numpy.ndarray
    low: numpy.ndarray
    high: numpy.ndarray


def check_choice(name: str, value: str, choices: Any) -> None:
    """Raise ValueError unless the value is one of a Literal's."""
    if value not in get_args(choices):
        raise ValueError(f"{name}={value} is not one of {', '.join(get_args(choices))}")


def curve(run: Run, key: str, by: By = "epoch") -> Curve:
    """A run's values of "train/loss", "val/acc", ...; by seconds, x are still steps, which mean_of replaces.

    By step and by seconds training has its per-step rows, where they are more than the epochs. By seconds it ends with
    the last step whose time is known, and is empty without timings.jsonl.
    """
    split, _, name = key.partition("/")
    rows = [row for row in run.rows if row.get("split") == split and row.get(name) is not None]
    epochs = [row for row in rows if row.get("per") == "epoch"]
    if by == "epoch":
        return Curve([row["epoch"] for row in epochs], [row[name] for row in epochs])
    steps = [row for row in rows if row.get("per") == "step"]
    chosen = steps if len(steps) > len(epochs) else epochs
    if by == "seconds":
        last = clock(run).x[-1]
        chosen = [row for row in chosen if row["step"] <= last]
    return Curve([row["step"] for row in chosen], [row[name] for row in chosen])


def clock(run: Run) -> Curve:
    """Seconds of training by step, without evaluation; linear between the ends of epochs."""
    rows = [row for row in run.timings if row.get("train_s") is not None]
    return Curve([0, *(row["step"] for row in rows)], [0.0, *(row["train_s"] for row in rows)])


def mean_of(curves: Sequence[Curve], band: Band = "range", clocks: Sequence[Curve] = ()) -> Mean:
    """Mean and band over the curves at every x that any has; each counts from its first point to its last.

    band: "range", from the lowest to the highest, or "std", the standard deviation (n - 1) to either side. clocks: the
    runs' seconds by step; then x are seconds.
    """
    import numpy

    x = numpy.unique(numpy.concatenate([each.x for each in curves])).astype(float)
    every = numpy.array([numpy.interp(x, *each, left=numpy.nan, right=numpy.nan) for each in curves])
    there = ~numpy.isnan(every)
    mean, none = numpy.nanmean(every, axis=0), numpy.empty(0)
    seconds = elapsed(x, there, clocks) if clocks else x
    if len(curves) == 1:
        return Mean(seconds, mean, none, none)
    low, high = numpy.nanmin(every, axis=0), numpy.nanmax(every, axis=0)
    if band == "std":
        squares = numpy.nansum((every - mean) ** 2, axis=0)
        deviation = numpy.sqrt(squares / numpy.maximum(there.sum(axis=0) - 1, 1))
        # a band around positive values stays positive, for a logarithmic axis
        low = numpy.where((mean > deviation) | (low <= 0), mean - deviation, low)
        high = mean + deviation
    return Mean(seconds, mean, low, high)


def elapsed(steps: numpy.ndarray, there: numpy.ndarray, clocks: Sequence[Curve]) -> numpy.ndarray:
    """The mean seconds at each step: the sum of the mean times between steps, over the runs that reach them.

    The plain mean would jump, even back, where a slow run ends. there: (runs, steps).
    """
    import numpy

    seconds = numpy.array([numpy.interp(steps, *each) for each in clocks])
    return numpy.cumsum(numpy.diff(seconds, axis=1, prepend=0).mean(axis=0, where=there))
