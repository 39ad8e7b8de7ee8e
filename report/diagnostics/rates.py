"""Quadratics: how fast the distance to the optimum falls, by condition number, as in the AggMo paper's figure 3.

Lines are theory, from linear_systems.py; marks are measured on the runs' steps, direction by direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from report.diagnostics.linear_systems import eigenvalues_of, method_name, method_of, optimal_momentum_rate
from report.figures.panel import Line, Panel
from report.figures.series_style import SeriesStyle, styles_of
from report.selection import chosen, legend_names
from results.run import Run
from results.settings import Setting

FEWEST = 3  # condition numbers in a figure
POINTS = 121  # of a theory's line
SMALLEST = 1e-30  # of the largest distance: in float32 smaller ones are no longer exact
OPTIMAL = SeriesStyle("#7f7f7f", (6, 2), "")


@dataclass(frozen=True)
class Rates:
    """Of one run: by condition number the measured rate, the slowest of the directions up to it."""

    conditions: Sequence[float]
    measured: Sequence[float]


def rate_panels(settings: Iterable[Setting], count: int | None = 1) -> list[Panel]:
    """The panel of the quadratics' settings, `count` of each optimizer (None: all); empty where no run has three
    condition numbers or more.
    """
    every = list(settings)
    found = [(setting, rates_of(setting.runs[0])) for setting in chosen(every, count)]
    drawn = {id(setting): rates for setting, rates in found if len(rates.conditions) >= FEWEST}
    if not drawn:
        return []
    shown = [setting for setting, _ in found if id(setting) in drawn]
    styles = styles_of([setting.optimizer for setting in shown], {setting.optimizer for setting in every})
    grid = condition_grid([condition for rates in drawn.values() for condition in rates.conditions])
    lines = [
        theory(setting, label, replace(style, dash=(), marker=""), grid)
        for setting, label, style in zip(shown, legend_names(shown, every), styles, strict=True)
    ]
    lines.append(Line("momentum, optimal lr and β", OPTIMAL, grid, list(map(optimal_momentum_rate, grid))))
    marks = Marks([(style, drawn[id(setting)]) for setting, style in zip(shown, styles, strict=True)])
    limits = axis_limits(lines, drawn.values())
    panel = Panel("", "condition number", "rate: fall of log distance a step", lines, x_log=True, y_log=True)
    return [replace(panel, y_range=limits, note="lines: theory; marks: measured", background=marks)]


@dataclass(frozen=True)
class Marks:
    """The measured rates, on matplotlib's axes."""

    measured: Sequence[tuple[SeriesStyle, Rates]]

    def __call__(self, axes: Any) -> None:
        for style, rates in self.measured:
            axes.plot(
                *(rates.conditions, rates.measured),
                **{"linestyle": "none", "marker": style.marker, "color": style.colour, "markersize": 4.5},
                **{"markeredgecolor": "black", "markeredgewidth": 0.4, "zorder": 4},
            )


def rates_of(run: Run) -> Rates:
    """Measured on the run's steps; no condition numbers where it is of another problem, or not finished."""
    directions = sorted(enumerate(eigenvalues_of(run)), key=lambda pair: -pair[1])
    found: list[tuple[float, float]] = []
    for i, eigenvalue in directions:
        rows = [row for row in run.steps if f"x{i}" in row]
        rate = measured_rate([row["step"] for row in rows], [row[f"x{i}"] for row in rows])
        if rate is None:
            break
        found.append((directions[0][1] / eigenvalue, rate))
    slowest = accumulate((rate for _, rate in found), min)
    points = [(condition, rate) for (condition, _), rate in zip(found, slowest, strict=True) if condition > 1]
    return Rates([condition for condition, _ in points], [rate for _, rate in points])


def measured_rate(steps: Sequence[float], values: Sequence[float]) -> float | None:
    """The slope of -log |x|, by least squares, over the second half of the steps at which it still has digits; of an
    oscillation that of its envelope: the points that no later one exceeds. None of fewer than three such points.
    """
    import numpy

    size = abs(numpy.array(values, dtype=float))
    to_come = numpy.maximum.accumulate(size[::-1])[::-1]
    above = to_come > SMALLEST * max(size, default=0.0)
    length = int(above.sum())
    late = numpy.arange(len(size)) >= length // 2
    points = above & late & (size == to_come)
    if points.sum() < 3:
        return None
    return -float(numpy.polyfit(numpy.array(steps)[points], numpy.log(size[points]), 1)[0])


def condition_grid(conditions: Sequence[float]) -> list[float]:
    import numpy

    return [float(each) for each in numpy.geomspace(min(conditions), max(conditions), POINTS)]


def theory(setting: Setting, label: str, style: SeriesStyle, grid: Sequence[float]) -> Line:
    """The least rate of all eigenvalues from the largest to the largest divided by the condition number. Without
    points where the method is not linear, or its rate not positive.
    """
    config = setting.runs[0].config
    method, largest = method_of(config), max(config["task"]["eigenvalues"])
    if method is None:
        return Line(label, style, [], [])
    label = method_name(setting.optimizer, method)
    from numpy import geomspace

    below = method.rate([largest / condition for condition in geomspace(1, grid[0], POINTS)])
    rates = accumulate((method.rate([largest / condition]) for condition in grid), min, initial=below)
    points = [(condition, rate) for condition, rate in zip(grid, list(rates)[1:], strict=True) if rate > 0]
    return Line(label, style, [x for x, _ in points], [y for _, y in points])


def axis_limits(lines: Iterable[Line], drawn: Iterable[Rates]) -> tuple[float, float]:
    values = [y for line in lines for y in line.y] + [y for rates in drawn for y in rates.measured if y > 0]
    return min(values) / 1.5, max(values) * 1.5
