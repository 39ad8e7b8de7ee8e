"""trajectory.png of a toy problem: where its point went, drawn from the per-step rows of metrics.jsonl.

Where log.every left no such row, nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from report.comparison import COLOURS, STYLES
from report.curves import log_axis
from report.runs import read_rows

if TYPE_CHECKING:
    import numpy

Place = tuple[float, float]

GRID = 201  # points of a contour plot's side
MARGIN = 0.08  # of the path's extent, around it
DEEPEST = 1e-8  # of the largest distance: smaller ones are below the picture


@dataclass(frozen=True)
class Window:
    """The part of the plane that a picture shows: its grid's coordinates (GRID,) and whether both have one scale."""

    x: numpy.ndarray
    y: numpy.ndarray
    equal: bool

    @classmethod
    def around(cls, places: Sequence[Place], equal: bool = False) -> Window:
        """The smallest window of a margin around all places; equal: square, one unit as long in both directions."""
        import numpy

        low, high = numpy.min(places, axis=0), numpy.max(places, axis=0)
        half = (high - low) * (0.5 + MARGIN)
        half = numpy.full(2, half.max()) if equal else half
        middle = (low + high) / 2
        half = numpy.maximum(half, 1e-6 * numpy.maximum(1, abs(middle)))  # of a point that did not move
        x, y = (numpy.linspace(m - h, m + h, GRID) for m, h in zip(middle, half, strict=True))
        return cls(x, y, equal)


@dataclass(frozen=True)
class Scene:
    """A function of two coordinates, as a contour plot.

    optimum: one place, or the two ends of a line of them. by_factor: from line to line the values grow by a factor.
    """

    window: Window
    values: numpy.ndarray  # (y, x)
    names: tuple[str, str]
    optimum: Sequence[Place]
    by_factor: bool = False


def read_steps(folder: Path) -> list[dict[str, Any]]:
    """The per-step rows of a run: every `log.every`-th step."""
    return [row for row in read_rows(folder / "metrics.jsonl") if row["split"] == "train" and row.get("per") == "step"]


def read_path(folder: Path, keys: tuple[str, str], start: Place) -> list[Place]:
    return [start, *((row[keys[0]], row[keys[1]]) for row in read_steps(folder))]


def draw_path(folder: Path, path: list[Place], scene: Scene, beside: tuple[str, str, float]) -> None:
    """The path over the contours; in a second panel, `beside`: a key of the rows, its name and its first value."""
    rows = read_steps(folder)
    if not rows:
        return
    figure, (left, right) = new_figure(2)
    draw_contours(left, scene)
    columns = list(zip(*path, strict=True))
    left.plot(*columns, "-", color=COLOURS[0], marker=".", markersize=4, linewidth=1)
    mark(left, path[:1], "o", "white", "start")
    mark(left, path[-1:], "s", "black", f"step {rows[-1]['step']}")
    left.legend(loc="best", framealpha=0.9)
    draw_steps(right, rows, *beside)
    figure.savefig(folder / "trajectory.png", dpi=120)


def draw_contours(axes: Any, scene: Scene) -> None:
    import numpy

    low, high = float(scene.values.min()), float(scene.values.max())
    levels = numpy.linspace(low, high, 22)[1:-1]
    if scene.by_factor:
        levels = numpy.geomspace(max(low, 1e-5 * high), high, 18)
    axes.contour(scene.window.x, scene.window.y, scene.values, levels, colors="0.72", linewidths=0.8)
    if len(scene.optimum) == 1:
        mark(axes, scene.optimum, "*", COLOURS[4], "optimum", 14)
    else:
        columns = zip(*scene.optimum, strict=True)
        axes.plot(*columns, linestyle=(0, (5, 3)), color=COLOURS[4], linewidth=3, label="optimum")
    axes.set(xlabel=scene.names[0], ylabel=scene.names[1])
    axes.set_xlim(scene.window.x[0], scene.window.x[-1])
    axes.set_ylim(scene.window.y[0], scene.window.y[-1])
    if scene.window.equal:
        axes.set_aspect("equal")


def mark(axes: Any, places: Sequence[Place], shape: str, colour: str, text: str, size: int = 8) -> None:
    look = {"linestyle": "none", "markeredgecolor": "black", "markersize": size, "zorder": 5}
    axes.plot(*zip(*places, strict=True), marker=shape, color=colour, label=text, **look)


def draw_steps(axes: Any, rows: list[dict[str, Any]], key: str, name: str, first: float) -> None:
    axes.plot([0, *(row["step"] for row in rows)], [first, *(row[key] for row in rows)], color=COLOURS[0])
    axes.set_ylim(min(axes.get_ylim()[0], 0), None)
    step_axis(axes, name)


def draw_distances(folder: Path, eigenvalues: Sequence[float], start: Sequence[float]) -> None:
    """|x_i|, the distance from the optimum along each eigenvector of a quadratic, and what it does not exceed again."""
    rows = read_steps(folder)
    if not rows:
        return
    figure, (axes,) = new_figure(1, 7)
    steps, highest = [0, *(row["step"] for row in rows)], 0.0
    for i, eigenvalue in enumerate(eigenvalues):
        distances = [abs(start[i]), *(abs(row[f"x{i}"]) for row in rows)]
        to_come = list(accumulate(reversed(distances), max))[::-1]
        highest = max(highest, to_come[0])
        look = {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i % len(STYLES)]}
        axes.plot(steps, distances, linewidth=0.4, color=look["color"], alpha=0.4)
        axes.plot(steps, to_come, linewidth=1.8, label=f"{eigenvalue:g}", **look)
    if highest > 0:
        log_axis(axes)
        axes.set_ylim(max(axes.get_ylim()[0], DEEPEST * highest), 2 * highest)
    step_axis(axes, "distance from the optimum along the eigenvector")
    axes.legend(title="eigenvalue\n(thin: distance; thick:\nthe largest to come)", loc="lower left")
    figure.savefig(folder / "trajectory.png", dpi=120)


def draw_norm(folder: Path, name: str, first: float) -> None:
    """The norm alone, for points of more than two coordinates."""
    rows = read_steps(folder)
    if not rows:
        return
    figure, (axes,) = new_figure(1)
    draw_steps(axes, rows, "norm", name, first)
    figure.savefig(folder / "trajectory.png", dpi=120)


def draw_regret(folder: Path, best: float, start: float) -> None:
    """The coordinate x, and the regret per step so far: the mean of all steps' losses."""
    rows = read_steps(folder)
    if not rows:
        return
    steps = [row["step"] for row in rows]
    figure, (left, right) = new_figure(2)
    left.plot([0, *steps], [start, *(row["x"] for row in rows)], color="0.7", linewidth=0.5, label="x")
    left.plot(*epoch_means(rows, "x"), color=COLOURS[0], marker=".", label="mean over an epoch")
    left.axhline(best, linestyle="--", color="black", linewidth=1.2, label=f"optimum, {best:g}")
    left.legend()
    step_axis(left, "x")
    means = [total / n for n, total in enumerate(accumulate(row["loss"] for row in rows), 1)]
    right.plot(steps, means, color=COLOURS[0])
    right.axhline(0, linestyle="--", color="black", linewidth=1.2)
    settled = means[len(means) // 20 :]  # the first means are of a few steps, and off the scale
    if settled:
        right.set_ylim(1.1 * min(0, *settled), 1.1 * max(0, *settled) or 1)
    step_axis(right, "regret per step so far")
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
