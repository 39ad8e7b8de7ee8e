"""trajectory.npz of a toy problem's run: the function around its path, and the series to draw step by step.

The task writes it, which knows the function; report draws one run's, or those of several runs in one figure. The grids
of one problem's runs have the same middle and sizes that differ by powers of a factor, so the largest holds all paths.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import ceil, isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from results.arrays import read_arrays, write_arrays
from results.files import parse_json
from results.typed import read_dataclass

if TYPE_CHECKING:
    import numpy

Point = tuple[float, float]

FILE = "trajectory.npz"
GRID = 201  # points of a contour plot's side
STORED = 121  # points of the stored grid's side: splines between them are as good as the function
MARGIN = 0.08  # of the path's extent, around it
GROWTH = 1.25  # from one size of stored grids to the next
LARGEST = 1024.0  # size of stored grids, in units of the smallest; a path may leave it


@dataclass(frozen=True)
class Window:
    """A rectangle of the plane, as the coordinates of a grid."""

    x: numpy.ndarray
    y: numpy.ndarray

    @classmethod
    def around(cls, points: Sequence[Point], equal: bool = False, size: int = GRID) -> Window:
        """The smallest window with a margin around all points; equal: a square, for axes of one scale."""
        import numpy

        low, high = numpy.min(points, axis=0), numpy.max(points, axis=0)
        half = (high - low) * (0.5 + MARGIN)
        half = numpy.full(2, half.max()) if equal else half
        middle = (low + high) / 2
        half = numpy.maximum(half, 1e-6 * numpy.maximum(1, abs(middle)))  # of a point that did not move
        return cls(*(numpy.linspace(m - h, m + h, size) for m, h in zip(middle, half, strict=True)))

    @classmethod
    def to_store(cls, path: Sequence[Point], fixed: Sequence[Point], equal: bool = False) -> Window:
        """A window around the fixed points (start, optimum), enlarged by powers of GROWTH until it holds the path."""
        import numpy

        base = cls.around(fixed, equal=True, size=STORED)
        middle = numpy.array([base.x.mean(), base.y.mean()])
        half = float(base.x[-1] - middle[0])
        shown = cls.around([*path, *fixed], equal)
        ends = numpy.array([(shown.x[i], shown.y[i]) for i in (0, -1)])
        needed = float(abs(ends - middle).max()) / half
        factor = GROWTH ** ceil(log(min(max(needed, 1.0), LARGEST), GROWTH))
        return cls(*(m + (side - m) * factor for m, side in zip(middle, (base.x, base.y), strict=True)))

    def contains(self, other: Window) -> bool:
        sides = ((self.x, other.x), (self.y, other.y))
        return all(ours[0] <= theirs[0] and theirs[-1] <= ours[-1] for ours, theirs in sides)


@dataclass(frozen=True)
class Plane:
    """The two coordinates of a path.

    keys: of the coordinates in the per-step rows. names: of the axes. optimum: one point, or two: the ray from the
    first through the second. log_levels: the contours' levels grow by a factor. equal: both axes have one scale.
    """

    keys: tuple[str, str]
    names: tuple[str, str]
    start: Point
    optimum: Sequence[Point]
    log_levels: bool = False
    equal: bool = False

    def path(self, rows: Sequence[dict[str, Any]]) -> list[Point]:
        """The start and the point of every row, up to the first whose coordinates are not both numbers."""
        found = [self.start]
        for row in rows:
            x, y = (row.get(key, float("nan")) for key in self.keys)
            if not (isfinite(x) and isfinite(y)):
                break
            found.append((x, y))
        return found

    @property
    def fixed(self) -> list[Point]:
        """Points that every figure shows: the start, and the optimum or its ray's beginning."""
        return [self.start, self.optimum[0]]


@dataclass(frozen=True)
class Contour:
    """A function of two coordinates: its values (y, x) at a window's points."""

    window: Window
    values: numpy.ndarray
    plane: Plane

    @property
    def optimum(self) -> Sequence[Point]:
        """The optimum, or its ray to beyond the window."""
        if len(self.plane.optimum) == 1:
            return self.plane.optimum
        (x0, y0), (x1, y1) = self.plane.optimum
        far = 2 * max(float(side[-1] - side[0]) for side in (self.window.x, self.window.y))
        far /= max(abs(x1 - x0), abs(y1 - y0))
        return (x0, y0), (x0 + far * (x1 - x0), y0 + far * (y1 - y0))

    def resampled(self, window: Window) -> Contour:
        """The function over another window, by splines; nan beyond its own grid."""
        import numpy
        from scipy.interpolate import RectBivariateSpline

        values = RectBivariateSpline(self.window.y, self.window.x, self.values)(window.y, window.x)
        within = [
            (ours[0] <= side) & (side <= ours[-1])
            for ours, side in zip((self.window.y, self.window.x), (window.y, window.x), strict=True)
        ]
        values[~numpy.outer(*within)] = numpy.nan
        return Contour(window, values, self.plane)


@dataclass(frozen=True)
class Series:
    """A quantity to draw step by step.

    key: in the per-step rows. first: its value before the first step, if any. kind: the "value"; its "magnitude", on a
    logarithmic axis; a "noisy" value, to be smoothed; or the running "mean" of all values so far. label: of its line
    where a run's series share a panel. optimum: the value that it should have, if any.
    """

    key: str
    name: str
    first: float | None
    kind: Literal["value", "magnitude", "noisy", "mean"] = "value"
    label: str = ""
    optimum: float | None = None

    def points(self, rows: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
        """(steps, values) of the rows that have it, from step 0 on where its first value is known."""
        shown = [row for row in rows if self.key in row]  # the last rows of a diverged run may lack it
        steps, values = [row["step"] for row in shown], [row[self.key] for row in shown]
        if self.kind == "mean":
            return steps, [total / n for n, total in enumerate(accumulate(values), 1)]
        if self.first is not None:
            steps, values = [0, *steps], [self.first, *values]
        return steps, list(map(abs, values)) if self.kind == "magnitude" else values


@dataclass(frozen=True)
class Trajectory:
    """contour: None for problems of other than two coordinates."""

    series: Sequence[Series]
    contour: Contour | None = None


def save_trajectory(folder: Path, trajectory: Trajectory) -> None:
    """Write trajectory.npz; the same trajectory gives the same bytes."""
    import numpy

    info: dict[str, Any] = {"series": [asdict(series) for series in trajectory.series]}
    arrays: dict[str, Any] = {}
    if contour := trajectory.contour:
        info["plane"] = asdict(contour.plane)
        arrays = {"x": contour.window.x, "y": contour.window.y, "values": contour.values.astype("float32")}
    write_arrays(folder / FILE, {"info": numpy.array(json.dumps(info)), **arrays})


def read_trajectory(folder: Path) -> Trajectory | None:
    """The trajectory of a run's folder; None where there is none, or the file is damaged."""
    arrays = read_arrays(folder / FILE) or {}
    try:
        info = parse_json(str(arrays["info"]).encode(), FILE)
        series = [read_dataclass(Series, each, "series") for each in info["series"]]
        if "plane" not in info:
            return Trajectory(series)
        x, y, values = (arrays[name].astype(float) for name in ("x", "y", "values"))
        plane = read_dataclass(Plane, info["plane"], "plane")
        check_grid(x, y, values, plane)
        return Trajectory(series, Contour(Window(x, y), values, plane))
    except (KeyError, TypeError, ValueError):
        return None


def check_grid(x: numpy.ndarray, y: numpy.ndarray, values: numpy.ndarray, plane: Plane) -> None:
    """Raise ValueError for what is no grid: splines and contours of it fail, or never end."""
    import numpy

    for side in (x, y):
        if side.ndim != 1 or not 4 <= len(side) <= GRID * 10 or not numpy.isfinite(side).all():
            raise ValueError("a side that is no list of coordinates")
        if (numpy.diff(side) <= 0).any():
            raise ValueError("coordinates that do not rise")
    if values.shape != (len(y), len(x)) or not numpy.isfinite(values).all():
        raise ValueError("values that do not fit the sides")
    if len(plane.optimum) not in (1, 2) or len({tuple(point) for point in plane.optimum}) < len(plane.optimum):
        raise ValueError("an optimum that is neither a point nor a ray")
