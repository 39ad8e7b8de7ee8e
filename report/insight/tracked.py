"""What `track=true` recorded step by step, as lines: long runs thinned to means of neighbouring rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from report.figures.choice import chosen, labels
from report.figures.looks import Look, looks_of
from report.figures.panel import Line, Panel
from report.figures.series import Curve, mean_of
from report.tables.text import count as counted
from results.run import Run
from results.settings import Setting

POINTS = 60  # at most in a line: enough for its shape, and each the mean of enough noisy steps


def recorded(run: Run, key: str) -> Curve:
    """A run's per-step values of a key; empty where it has none."""
    rows = [row for row in run.steps if key in row]
    return Curve([row["step"] for row in rows], [row[key] for row in rows])


def having(settings: Iterable[Setting], key: str) -> list[Setting]:
    """The settings of which a run has recorded a key, and of their runs only those."""
    found = [[run for run in setting.runs if recorded(run, key).x] for setting in settings]
    return [Setting(runs) for runs in found if runs]


def panel(settings: Iterable[Setting], key: str, name: str, count: int | None = 1, **more: Any) -> list[Panel]:
    """One panel of a key: each optimizer's `count` best settings (None: all) that recorded it, means over the seeds.

    more: fields of the panel. Empty where no run has recorded it.
    """
    tried = having(settings, key)
    drawn = chosen(tried, count, diverged=True)
    if not drawn:
        return []
    looks, names = looks_of([setting.optimizer for setting in drawn]), labels(drawn, tried)
    curves = [[recorded(run, key) for run in setting.runs] for setting in drawn]
    every = [line(*each) for each in zip(names, looks, curves, strict=True)]
    if more.get("y_log"):
        more["y_log"] = all(value > 0 for each in every for value in (*each.y, *each.low))
    told = note([len(setting.runs) for setting in drawn], [width(own) for own in curves])
    return [Panel("", "step", name, every, note=told, **more)]


def note(seeds: Sequence[int], rows: Sequence[int]) -> str:
    """What a line's points and bands are. rows: how many make a point."""
    parts = [f"mean and range of {counted(seeds)} seeds"] * (max(seeds) > 1)
    parts += [f"each point the mean of {counted(rows)} recorded steps"] * (max(rows) > 1)
    return "; ".join(parts)


def line(label: str, look: Look, curves: Sequence[Curve]) -> Line:
    rows = width(curves)
    mean = mean_of([thinned(curve, rows) for curve in curves])
    return Line(label, look, *(values.tolist() for values in (mean.x, mean.y, mean.low, mean.high)))


def width(curves: Sequence[Curve]) -> int:
    """How many rows make a point."""
    return max(1, -(-max(len(curve.x) for curve in curves) // POINTS))


def thinned(curve: Curve, rows: int) -> Curve:
    """The means of every so many rows, in both directions; what is left over belongs to the last of them."""
    starts = list(range(0, max(1, len(curve.x) - rows + 1), rows))
    parts = [slice(*ends) for ends in zip(starts, [*starts[1:], len(curve.x)], strict=True)]
    x, y = ([sum(values[part]) / len(values[part]) for part in parts] for values in curve)
    return Curve(x, y)
