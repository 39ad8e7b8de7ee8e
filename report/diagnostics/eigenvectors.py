"""Quadratics: the distance along each eigenvector, a panel for each setting, as in the AggMo paper's figure 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from report.diagnostics.trajectories import DrawnRun, by_problem, series_panel
from report.figures.panel import Panel
from report.figures.series_style import STYLES
from report.selection import chosen, legend_names
from results.settings import Setting
from results.trajectory import Trajectory


def eigenvector_panels(settings: Iterable[Setting], count: int | None = 1) -> list[list[Panel]]:
    """For each problem whose series are several of one quantity a figure's panels: one for each of every optimizer's
    `count` best settings (None: all), in the settings' order, by their first seeds; all panels have one axis.
    """
    every = list(settings)
    found = [problem for problem in by_problem(every) if labelled(problem[0][1])]
    return [with_one_axis(problem_panels(problem, every, count)) for problem in found]


def labelled(trajectory: Trajectory) -> bool:
    """Whether its series are several of one quantity, each with a label."""
    series = trajectory.series
    return len(series) > 1 and all(each.label and each.name == series[0].name for each in series)


def problem_panels(
    found: Sequence[tuple[Setting, Trajectory]], every: Sequence[Setting], count: int | None
) -> list[Panel]:
    shown = {id(setting) for setting in chosen([setting for setting, _ in found], count)}
    drawn = [(setting, trajectory) for setting, trajectory in found if id(setting) in shown]
    names = legend_names([setting for setting, _ in drawn], every)
    return [panel(setting, trajectory, name) for (setting, trajectory), name in zip(drawn, names, strict=True)]


def panel(setting: Setting, trajectory: Trajectory, title: str) -> Panel:
    rows = setting.runs[0].steps
    several = [
        (DrawnRun(trajectory, rows, series.label, style), series)
        for series, style in zip(trajectory.series, STYLES, strict=False)
    ]
    return series_panel(several, title)


def with_one_axis(panels: Sequence[Panel]) -> list[Panel]:
    limits = [each.y_range for each in panels if each.y_range]
    if len(limits) < len(panels):
        return list(panels)
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    return [replace(each, y_range=(low, high)) for each in panels]
