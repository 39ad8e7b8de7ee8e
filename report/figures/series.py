"""Curves of runs by epoch, step or seconds, and the mean of several with the band around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from results.run import Run

if TYPE_CHECKING:
    import numpy

By = Literal["epoch", "step", "seconds"]
Kind = Literal["range", "std"]
X_NAMES = {"epoch": "epoch", "step": "step", "seconds": "seconds of training"}


class Curve(NamedTuple):
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Mean:
    """Of curves: at each x the mean over those that are there, and the band around it; empty for a single curve."""

    x: numpy.ndarray
    y: numpy.ndarray
    low: numpy.ndarray
    high: numpy.ndarray


def known(value: str, choices: Any, name: str) -> None:
    if value not in get_args(choices):
        raise ValueError(f"{name}={value} is not one of {', '.join(get_args(choices))}")


def curve(run: Run, key: str, by: By = "epoch") -> Curve:
    """A run's values of "train/loss", "val/acc", ...; by seconds like by step: mean_of puts the seconds in.

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
    """Seconds of training by step, evaluation not counted; between the ends of epochs the pace is taken as even."""
    rows = [row for row in run.timings if row.get("train_s") is not None]
    return Curve([0, *(row["step"] for row in rows)], [0.0, *(row["train_s"] for row in rows)])


def mean_of(curves: Sequence[Curve], kind: Kind = "range", clocks: Sequence[Curve] = ()) -> Mean:
    """Mean and band over the curves at every x that any has; each counts from its first point to its last.

    kind: "range", from the lowest to the highest, or "std", the standard deviation (n - 1) to either side. clocks: the
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
    if kind == "std":
        squares = numpy.nansum((every - mean) ** 2, axis=0)
        deviation = numpy.sqrt(squares / numpy.maximum(there.sum(axis=0) - 1, 1))
        # where all values are positive the band is, too: it may be drawn on a logarithmic axis
        low = numpy.where((mean > deviation) | (low <= 0), mean - deviation, low)
        high = mean + deviation
    return Mean(seconds, mean, low, high)


def elapsed(steps: numpy.ndarray, there: numpy.ndarray, clocks: Sequence[Curve]) -> numpy.ndarray:
    """The mean seconds at each step, summed up from the mean times between steps of the runs that are still there.

    The plain mean would jump, even back, where a slow run ends. there: (runs, steps).
    """
    import numpy

    seconds = numpy.array([numpy.interp(steps, *each) for each in clocks])
    return numpy.cumsum(numpy.diff(seconds, axis=1, prepend=0).mean(axis=0, where=there))
