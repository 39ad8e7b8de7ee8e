"""Toy problems: paths over the function's contours, and series step by step, of one run or of several in one figure.

The data are in each run's trajectory.npz and in its rows per step; no problem is known here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from report.figures.limits import extent
from report.figures.panel import Line, Panel
from report.figures.series_style import COLOURS, STYLES, SeriesStyle, styles_of
from report.figures.smoothing import running
from report.selection import chosen, legend_names
from results.metrics import read_rows, step_rows
from results.paths import METRICS
from results.settings import Setting
from results.trajectory import Contour, Point, Series, Trajectory, Window, read_trajectory

SMALLEST = 1e-8  # of the largest magnitude: smaller ones lie below the panel
DECADE = 10  # factor between values from which on their axis is logarithmic
PARTS = 40  # the windows of a noisy series' running means are one part in so many
PATH, END = SeriesStyle(COLOURS[0], (), "."), SeriesStyle("#000000", (), "s")  # of a single run
OPTIMUM = SeriesStyle("#000000", (6, 2), "")


@dataclass(frozen=True)
class DrawnRun:
    """A run's trajectory and rows per step, with the label and the style of its lines."""

    trajectory: Trajectory
    rows: Sequence[dict[str, Any]]
    label: str
    style: SeriesStyle
    diverged: bool = False
    single: bool = False  # the only run of its figure, whose path has a marker at every step


@dataclass(frozen=True)
class Background:
    """The function's contours, start and optimum below the paths, and the paths' last points on top."""

    contour: Contour
    ends: Sequence[tuple[SeriesStyle, Point]]

    def __call__(self, axes: Any) -> None:
        axes.grid(False)
        for line in axes.get_lines():
            line.set_linewidth(0.9)
        draw_contours(axes, self.contour)
        optimum = self.contour.optimum
        if len(optimum) == 1:
            draw_points(axes, optimum, "*", COLOURS[4], "optimum", 8)
        else:
            columns = zip(*optimum, strict=True)
            axes.plot(*columns, linestyle=(0, (5, 3)), color=COLOURS[4], linewidth=1.5, label="optimum")
        draw_points(axes, [self.contour.plane.start], "o", "white", "start", 4)
        for style, end in self.ends:
            axes.plot(*end, style.marker, color=style.colour, markeredgecolor="black", markeredgewidth=0.6, zorder=6)


def draw_contours(axes: Any, contour: Contour) -> None:
    """Contour lines in the contour's window, with the axes' limits and scale."""
    import numpy

    window, plane = contour.window, contour.plane
    low, high = float(numpy.nanmin(contour.values)), float(numpy.nanmax(contour.values))
    levels = numpy.linspace(low, high, 22)[1:-1]
    if plane.log_levels and high > 0:
        levels = numpy.geomspace(max(low, 1e-5 * high), high, 18)
    if low < high:
        axes.contour(window.x, window.y, contour.values, levels, colors="0.72", linewidths=0.5)
    axes.set_xlim(window.x[0], window.x[-1])
    axes.set_ylim(window.y[0], window.y[-1])
    if plane.equal:
        axes.set_aspect("equal")


def draw_points(axes: Any, points: Sequence[Point], marker: str, colour: str, label: str, size: int) -> None:
    style = {"linestyle": "none", "markeredgecolor": "black", "markersize": size, "zorder": 5}
    axes.plot(*zip(*points, strict=True), marker=marker, color=colour, label=label, **style)


def run_trajectory(folder: Path) -> list[Panel]:
    """The panels of one run: its path, where the problem has two coordinates, and its series, those of one name in one
    panel. Empty where the run has no trajectory.
    """
    trajectory, rows = read_trajectory(folder), step_rows(read_rows(folder / METRICS))
    if trajectory is None or not rows:
        return []
    run = DrawnRun(trajectory, rows, f"{rows[-1]['step']} steps", PATH, single=True)
    panels = [path_panel([run])] if trajectory.contour else []
    for _, group in groupby(trajectory.series, lambda series: series.name):
        several = [
            (replace(run, label=series.label, style=style) if series.label else run, series)
            for series, style in zip(group, STYLES, strict=False)
        ]
        panels.append(series_panel(several))
    return panels


def trajectories(settings: Iterable[Setting], count: int | None = 1) -> list[list[Panel]]:
    """For each problem a figure's panels: the paths of each optimizer's `count` best settings (None: all), then a
    panel for each series.

    Each setting is drawn by its first seed, a diverged run up to where it leaves the others' window. Empty where no
    run has a trajectory.
    """
    every = list(settings)
    return [problem_panels(found, every, count) for found in by_problem(every)]


def by_problem(settings: Iterable[Setting]) -> list[list[tuple[Setting, Trajectory]]]:
    """The settings that have trajectories, of each problem, with that of their first seed."""
    problems: dict[str, list[tuple[Setting, Trajectory]]] = defaultdict(list)
    for setting in settings:
        run = setting.runs[0]
        trajectory = read_trajectory(run.folder)
        if trajectory and run.steps:
            plane = trajectory.contour.plane if trajectory.contour else None
            problem = repr((run.task, plane, [(series.key, series.name, series.label) for series in trajectory.series]))
            problems[problem].append((setting, trajectory))
    return list(problems.values())


def problem_panels(
    found: Sequence[tuple[Setting, Trajectory]], every: Sequence[Setting], count: int | None
) -> list[Panel]:
    by_setting = {id(setting): trajectory for setting, trajectory in found}
    tried = [setting for setting, _ in found]
    drawn = chosen(tried, count, diverged=True)
    styles = styles_of([setting.optimizer for setting in drawn], {setting.optimizer for setting in every})
    runs = [
        DrawnRun(by_setting[id(setting)], setting.runs[0].steps, label, style, setting.runs[0].ending == "diverged")
        for setting, label, style in zip(drawn, legend_names(drawn, every), styles, strict=True)
    ]
    first = runs[0].trajectory
    panels = [path_panel(runs)] if first.contour else []
    for i, series in enumerate(first.series):
        panels.append(series_panel([(run, run.trajectory.series[i]) for run in runs], series.label))
    return panels


def path_panel(runs: Sequence[DrawnRun]) -> Panel:
    """The paths over the contours; the window holds those of all runs that did not diverge."""
    contours = [run.trajectory.contour for run in runs if run.trajectory.contour]
    plane = contours[0].plane
    paths = [plane.path(run.rows) for run in runs]
    kept = [path for run, path in zip(runs, paths, strict=True) if not run.diverged] or paths
    window = Window.around([*plane.fixed, *(point for path in kept for point in path)], plane.equal)
    contours.sort(key=lambda contour: contour.window.x[-1] - contour.window.x[0])
    contour = next((each for each in contours if each.window.contains(window)), contours[-1])
    paths = [up_to_edge(path, window) if run.diverged else path for run, path in zip(runs, paths, strict=True)]
    lines = [
        Line(run.label, run.style, [x for x, _ in path], [y for _, y in path], markers=run.single)
        for run, path in zip(runs, paths, strict=True)
    ]
    ends = [(END if run.single else run.style, path[-1]) for run, path in zip(runs, paths, strict=True)]
    background = Background(contour.resampled(window), ends)
    return Panel("", *plane.names, lines, background=background, background_labels=("optimum", "start"))


def up_to_edge(path: Sequence[Point], window: Window) -> Sequence[Point]:
    """The path up to its first point outside the window."""
    for i, point in enumerate(path):
        if not all(side[0] <= at <= side[-1] for side, at in zip((window.x, window.y), point, strict=True)):
            return path[: i + 1]
    return path


def series_panel(
    drawn: Sequence[tuple[DrawnRun, Series]], title: str = "", limits: tuple[float, float] | None = None
) -> Panel:
    """One series of several runs, or several of one name and kind of one run.

    Magnitudes are drawn as what they never exceed again, noisy values smoothed, each with the raw values behind.
    limits: of magnitudes, where they must not follow the data.
    """
    first = drawn[0][1]
    lines = [series_line(run, series) for run, series in drawn]
    scaled = [line for line, (run, _) in zip(lines, drawn, strict=True) if not run.diverged] or lines
    values = [y for line in scaled for y in line.y]
    log, note = False, ""
    if first.kind == "magnitude":
        high, low = max(values, default=0.0), min((y for y in values if y > 0), default=1.0)
        log = high > 0
        limits = (limits or (max(low / 1.5, SMALLEST * high), 2 * high)) if log else None
        lines = [above_zero(line, limits[0] / DECADE) for line in lines] if limits else lines
        note = "line: the largest value to come; pale: each step"
    elif first.kind == "mean":
        settled = [y for line in scaled for y in line.y[len(line.y) // 20 :]]  # the first means are of few steps
        limits = (1.1 * min(0.0, *settled), 1.1 * max(0.0, *settled) or 1.0)
    elif first.kind == "noisy":
        raw = [y for line in scaled for y in line.raw]
        limits = extent(raw if first.optimum is None else [*raw, first.optimum], log=False)
        note = "pale: each recorded step"
    else:
        log = min(values, default=0.0) > 0 and max(values) > DECADE * min(values)
    if first.optimum is not None:
        steps = [x for line in lines for x in line.x] or [0.0]
        lines.append(Line("optimum", OPTIMUM, [min(steps), max(steps)], [first.optimum] * 2))
    return Panel(title, "step", first.name, lines, y_log=log, y_range=limits, note=note)


def series_line(run: DrawnRun, series: Series) -> Line:
    steps, values = series.points(run.rows)
    line = Line(run.label, run.style, steps, values)
    if series.kind == "magnitude" and values and values[-1] < max(values):  # else it grows: no bound to draw
        return replace(line, y=list(accumulate(reversed(values), max))[::-1], raw=values)
    if series.kind == "noisy":
        return replace(line, y=running(fmean, values, PARTS), raw=values)
    return line


def above_zero(line: Line, floor: float) -> Line:
    """With values of at least `floor`, as a logarithmic axis has no 0."""
    return replace(line, y=[max(y, floor) for y in line.y], raw=[max(y, floor) for y in line.raw])
