"""trajectory.png of a toy problem: where its point went, drawn from the per-step rows of metrics.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from report.figures.axes import log_axis
from report.figures.looks import COLOURS, DASHES
from report.insight.scene import Place, Plane, Scene, Window
from results.metrics import read_rows, step_rows

DEEPEST = 1e-8  # of the largest distance: smaller ones are below the picture


def read_steps(folder: Path) -> list[dict[str, Any]]:
    """The per-step rows of a run: every `log.every`-th step."""
    return step_rows(read_rows(folder / "metrics.jsonl"))


def draw_scene(folder: Path, rows: list[dict[str, Any]], scene: Scene) -> None:
    """The path over the contours, where there is a plane, and each series in a panel beside it."""
    figure, panels = new_figure(len(scene.series) + (scene.plane is not None))
    if scene.plane:
        first, *panels = panels
        draw_path(first, rows, scene.plane)
    for axes, series in zip(panels, scene.series, strict=True):
        axes.plot(*series.points(rows), color=COLOURS[0])
        axes.set_ylim(min(axes.get_ylim()[0], 0), None)
        step_axis(axes, series.name)
    figure.savefig(folder / "trajectory.png", dpi=120)


def draw_path(axes: Any, rows: list[dict[str, Any]], plane: Plane) -> None:
    path = plane.chart.path(rows)
    draw_contours(axes, plane.seen_through(Window.around([*path, *plane.chart.fixed], plane.chart.equal)))
    axes.plot(*zip(*path, strict=True), "-", color=COLOURS[0], marker=".", markersize=4, linewidth=1)
    mark(axes, path[:1], "o", "white", "start")
    mark(axes, path[-1:], "s", "black", f"step {[0, *(row['step'] for row in rows)][len(path) - 1]}")
    axes.legend(loc="best", framealpha=0.9)


def draw_contours(axes: Any, plane: Plane, fine: bool = False) -> None:
    """Contours, the optimum and the axes' names, in the plane's window. fine: for small pictures."""
    import numpy

    window, chart = plane.window, plane.chart
    low, high = float(numpy.nanmin(plane.values)), float(numpy.nanmax(plane.values))
    levels = numpy.linspace(low, high, 22)[1:-1]
    if chart.by_factor:
        levels = numpy.geomspace(max(low, 1e-5 * high), high, 18)
    if low < high:
        axes.contour(window.x, window.y, plane.values, levels, colors="0.72", linewidths=0.5 if fine else 0.8)
    if len(plane.optimum) == 1:
        mark(axes, plane.optimum, "*", COLOURS[4], "optimum", 8 if fine else 14)
    else:
        columns = zip(*plane.optimum, strict=True)
        axes.plot(*columns, linestyle=(0, (5, 3)), color=COLOURS[4], linewidth=1.5 if fine else 3, label="optimum")
    axes.set(xlabel=chart.names[0], ylabel=chart.names[1])
    axes.set_xlim(window.x[0], window.x[-1])
    axes.set_ylim(window.y[0], window.y[-1])
    if chart.equal:
        axes.set_aspect("equal")


def mark(axes: Any, places: Sequence[Place], shape: str, colour: str, text: str, size: int = 8) -> None:
    look = {"linestyle": "none", "markeredgecolor": "black", "markersize": size, "zorder": 5}
    axes.plot(*zip(*places, strict=True), marker=shape, color=colour, label=text, **look)


def draw_distances(folder: Path, rows: list[dict[str, Any]], eigenvalues: Sequence[float], scene: Scene) -> None:
    """The distances from the optimum along each eigenvector of a quadratic, and what they do not exceed again."""
    figure, (axes,) = new_figure(1, 7)
    highest = 0.0
    for i, (eigenvalue, series) in enumerate(zip(eigenvalues, scene.series, strict=True)):
        steps, distances = series.points(rows)
        to_come = list(accumulate(reversed(distances), max))[::-1]
        highest = max(highest, to_come[0])
        look = {"color": COLOURS[i % len(COLOURS)], "linestyle": (0, DASHES[i % len(DASHES)])}
        axes.plot(steps, distances, linewidth=0.4, color=look["color"], alpha=0.4)
        growing = len(distances) > 1 and distances[-1] == to_come[0]  # it diverges: more would be to come
        axes.plot(steps, distances if growing else to_come, linewidth=1.8, label=f"{eigenvalue:g}", **look)
    if highest > 0:
        log_axis(axes)
        axes.set_ylim(max(axes.get_ylim()[0], DEEPEST * highest), 2 * highest)
    step_axis(axes, "distance from the optimum along the eigenvector")
    axes.legend(title="eigenvalue\n(thin: distance; thick:\nthe largest to come)", loc="best")
    figure.savefig(folder / "trajectory.png", dpi=120)


def draw_regret(folder: Path, rows: list[dict[str, Any]], best: float, scene: Scene) -> None:
    """The coordinate x, and the regret per step so far: the mean of all steps' losses."""
    place, regret = scene.series
    figure, (left, right) = new_figure(2)
    left.plot(*place.points(rows), color="0.7", linewidth=0.5, label="x")
    left.plot(*epoch_means(rows, "x"), color=COLOURS[0], marker=".", label="mean over an epoch")
    left.axhline(best, linestyle="--", color="black", linewidth=1.2, label=f"optimum, {best:g}")
    left.legend()
    step_axis(left, place.name)
    steps, means = regret.points(rows)
    right.plot(steps, means, color=COLOURS[0])
    right.axhline(0, linestyle="--", color="black", linewidth=1.2)
    settled = means[len(means) // 20 :]  # the first means are of a few steps, and off the scale
    if settled:
        right.set_ylim(1.1 * min(0, *settled), 1.1 * max(0, *settled) or 1)
    step_axis(right, regret.name)
    figure.savefig(folder / "trajectory.png", dpi=120)


def epoch_means(rows: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """(middle step, mean of the key) of each epoch's rows."""
    epochs = [list(group) for _, group in groupby(rows, lambda row: row["epoch"])]
    middles = [fmean(row["step"] for row in group) for group in epochs]
    return middles, [fmean(row[key] for row in group) for group in epochs]


def new_figure(panels: int, width: float = 5.2) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * panels, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def step_axis(axes: Any, name: str) -> None:
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    axes.grid(alpha=0.3)
