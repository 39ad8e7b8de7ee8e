"""Panels of what `track=true` recorded step by step; long runs are thinned to means of neighbouring rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from report.figures.panel import Line, Panel
from report.figures.series import Curve, mean_of
from report.figures.series_style import SeriesStyle, styles_of
from report.selection import chosen, legend_names
from report.tables.text import count as counted
from results.run import Run
from results.settings import Setting

POINTS = 60  # at most in a line: enough for its shape, few enough to average noisy steps


def recorded(run: Run, key: str) -> Curve:
    """A run's per-step values of a key; empty where it has none."""
    rows = [row for row in run.steps if key in row]
    return Curve([row["step"] for row in rows], [row[key] for row in rows])


def with_key(settings: Iterable[Setting], key: str) -> list[Setting]:
    """The settings with their runs that have recorded a key; none without such runs."""
    found = [[run for run in setting.runs if recorded(run, key).x] for setting in settings]
    return [Setting(runs) for runs in found if runs]


def panel(settings: Iterable[Setting], key: str, name: str, count: int | None = 1, **more: Any) -> list[Panel]:
    """One panel of a key: each optimizer's `count` best settings (None: all) that recorded it, means over the seeds.

    more: fields of the panel. Empty where no run has recorded it.
    """
    every = list(settings)
    tried = with_key(every, key)
    drawn = chosen(tried, count, diverged=True)
    if not drawn:
        return []
    styles = styles_of([setting.optimizer for setting in drawn], {setting.optimizer for setting in every})
    names = legend_names(drawn, every)
    curves = [[recorded(run, key) for run in setting.runs] for setting in drawn]
    lines = [line(*each) for each in zip(names, styles, curves, strict=True)]
    if more.get("y_log"):
        more["y_log"] = all(value > 0 for each in lines for value in (*each.y, *each.low))
    text = note([len(setting.runs) for setting in drawn], [rows_per_point(each) for each in curves])
    return [Panel("", "step", name, lines, note=text, **more)]


def note(seeds: Sequence[int], rows: Sequence[int]) -> str:
    """A note on points and bands. rows: the number of rows in a point."""
    parts = [f"mean and range of {counted(seeds)} seeds"] * (max(seeds) > 1)
    parts += [f"each point the mean of {counted(rows)} recorded steps"] * (max(rows) > 1)
    return "; ".join(parts)


def line(label: str, style: SeriesStyle, curves: Sequence[Curve]) -> Line:
    rows = rows_per_point(curves)
    mean = mean_of([thinned(curve, rows) for curve in curves])
    return Line(label, style, *(values.tolist() for values in (mean.x, mean.y, mean.low, mean.high)))


def rows_per_point(curves: Sequence[Curve]) -> int:
    return max(1, -(-max(len(curve.x) for curve in curves) // POINTS))


def thinned(curve: Curve, rows: int) -> Curve:
    """The means of x and y over every so many rows; the last mean includes the remainder."""
    starts = list(range(0, max(1, len(curve.x) - rows + 1), rows))
    parts = [slice(*ends) for ends in zip(starts, [*starts[1:], len(curve.x)], strict=True)]
    x, y = ([sum(values[part]) / len(values[part]) for part in parts] for values in curve)
    return Curve(x, y)
