"""Quadratics: the distance along each eigenvector, a panel for each setting, as in the AggMo paper's figure 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from report.diagnostics.linear_systems import method_name, method_of
from report.diagnostics.trajectories import DrawnRun, by_problem, series_panel
from report.figures.panel import Panel
from report.figures.series_style import STYLES
from report.selection import chosen, legend_names
from results.settings import Setting
from results.trajectory import Series, Trajectory


def eigenvector_panels(settings: Iterable[Setting], count: int | None = 1) -> list[list[Panel]]:
    """For each problem whose series are several of one quantity a figure's panels: one for each of every optimizer's
    `count` best settings (None: all), by its first seed, methods of fewer velocities first; all have one axis.
    """
    every = list(settings)
    found = [problem for problem in by_problem(every) if labelled(problem[0][1])]
    return [problem_panels(problem, every, count) for problem in found]


def labelled(trajectory: Trajectory) -> bool:
    """Whether its series are several of one quantity, each with a label."""
    series = trajectory.series
    return len(series) > 1 and all(each.label and each.name == series[0].name for each in series)


def problem_panels(
    found: Sequence[tuple[Setting, Trajectory]], every: Sequence[Setting], count: int | None
) -> list[Panel]:
    shown = {id(setting) for setting in chosen([setting for setting, _ in found], count)}
    drawn = sorted((each for each in found if id(each[0]) in shown), key=lambda each: num_velocities(each[0]))
    names = legend_names([setting for setting, _ in drawn], every)
    titles = [title(setting, name) for (setting, _), name in zip(drawn, names, strict=True)]
    several = [series_of(*each) for each in drawn]
    panels = [series_panel(series, name) for series, name in zip(several, titles, strict=True)]
    limits = [each.y_range for each in panels if each.y_range]
    if len(limits) < len(panels):
        return panels
    one = (min(low for low, _ in limits), max(high for _, high in limits))
    return [series_panel(series, name, one) for series, name in zip(several, titles, strict=True)]


def num_velocities(setting: Setting) -> int:
    method = method_of(setting.runs[0].config)
    return len(method.betas) if method else 0


def title(setting: Setting, name: str) -> str:
    """With all that decides the method, where that is known."""
    method = method_of(setting.runs[0].config)
    return method_name(setting.optimizer, method) if method and setting.finished else name


def series_of(setting: Setting, trajectory: Trajectory) -> list[tuple[DrawnRun, Series]]:
    rows = setting.runs[0].steps
    return [
        (DrawnRun(trajectory, rows, series.label, style), series)
        for series, style in zip(trajectory.series, STYLES, strict=False)
    ]
