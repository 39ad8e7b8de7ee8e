"""scene.npz of a toy problem's run: the function that its path crosses, and what to draw of it step by step.

Written by the run, which knows the function; read by whoever puts the paths of several runs into one picture. The grids
of one problem's runs have one middle, and sizes that differ by powers of a factor: the largest holds the paths of all.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from math import ceil, isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy

Place = tuple[float, float]

FILE = "scene.npz"
GRID = 201  # points of a contour plot's side
STORED = 121  # points of the stored grid's side: splines between them are as good as the function
MARGIN = 0.08  # of the path's extent, around it
GROWTH = 1.25  # from one size of stored grids to the next
LARGEST = 1024.0  # of stored grids, in units of the smallest: beyond it a path is out of sight


@dataclass(frozen=True)
class Window:
    """The part of the plane that a picture shows: its grid's coordinates."""

    x: numpy.ndarray
    y: numpy.ndarray

    @classmethod
    def around(cls, places: Sequence[Place], equal: bool = False, points: int = GRID) -> Window:
        """The smallest window of a margin around all places; equal: square, one unit as long in both directions."""
        import numpy

        low, high = numpy.min(places, axis=0), numpy.max(places, axis=0)
        half = (high - low) * (0.5 + MARGIN)
        half = numpy.full(2, half.max()) if equal else half
        middle = (low + high) / 2
        half = numpy.maximum(half, 1e-6 * numpy.maximum(1, abs(middle)))  # of a point that did not move
        return cls(*(numpy.linspace(m - h, m + h, points) for m, h in zip(middle, half, strict=True)))

    @classmethod
    def to_store(cls, path: Sequence[Place], fixed: Sequence[Place], equal: bool = False) -> Window:
        """One around what is fixed (start, optimum), larger by as many GROWTHs as it takes to hold the path's."""
        import numpy

        base = cls.around(fixed, equal=True, points=STORED)
        middle = numpy.array([base.x.mean(), base.y.mean()])
        half = float(base.x[-1] - middle[0])
        shown = cls.around([*path, *fixed], equal)
        ends = numpy.array([(shown.x[i], shown.y[i]) for i in (0, -1)])
        needed = float(abs(ends - middle).max()) / half
        times = GROWTH ** ceil(log(min(max(needed, 1.0), LARGEST), GROWTH))
        return cls(*(m + (side - m) * times for m, side in zip(middle, (base.x, base.y), strict=True)))

    def holds(self, other: Window) -> bool:
        sides = ((self.x, other.x), (self.y, other.y))
        return all(own[0] <= its[0] and its[-1] <= own[-1] for own, its in sides)


@dataclass(frozen=True)
class Chart:
    """What there is to see on a plane beside heights.

    keys: of the two coordinates in the per-step rows. optimum: one place, or two: the ray from the first through the
    second. by_factor: from contour to contour the values grow by a factor. equal: both axes have one scale.
    """

    keys: tuple[str, str]
    names: tuple[str, str]
    start: Place
    optimum: Sequence[Place]
    by_factor: bool = False
    equal: bool = False

    def path(self, rows: Sequence[dict[str, Any]]) -> list[Place]:
        """Where the point was: its start, and every row's place for as long as both coordinates are numbers."""
        found = [self.start]
        for row in rows:
            x, y = (row.get(key, float("nan")) for key in self.keys)
            if not (isfinite(x) and isfinite(y)):
                break
            found.append((x, y))
        return found

    @property
    def fixed(self) -> list[Place]:
        """Places that every picture shows: the start, and the optimum or its ray's beginning."""
        return [self.start, self.optimum[0]]


@dataclass(frozen=True)
class Plane:
    """A function of two coordinates: its values (y, x) at a window's points."""

    window: Window
    values: numpy.ndarray
    chart: Chart

    @property
    def optimum(self) -> Sequence[Place]:
        """The optimum, or its ray as far as the window reaches."""
        if len(self.chart.optimum) == 1:
            return self.chart.optimum
        (x0, y0), (x1, y1) = self.chart.optimum
        far = 2 * max(float(side[-1] - side[0]) for side in (self.window.x, self.window.y))
        far /= max(abs(x1 - x0), abs(y1 - y0))
        return (x0, y0), (x0 + far * (x1 - x0), y0 + far * (y1 - y0))

    def seen_through(self, window: Window) -> Plane:
        """The same over another window, by splines; nan beyond its own grid."""
        import numpy
        from scipy.interpolate import RectBivariateSpline

        values = RectBivariateSpline(self.window.y, self.window.x, self.values)(window.y, window.x)
        within = [
            (own[0] <= side) & (side <= own[-1])
            for own, side in zip((self.window.y, self.window.x), (window.y, window.x), strict=True)
        ]
        values[~numpy.outer(*within)] = numpy.nan
        return Plane(window, values, self.chart)


@dataclass(frozen=True)
class Series:
    """What to draw step by step: a key of the per-step rows, its name, and its value before the first step, if any.

    kind: the "value"; its "size" without the sign, by powers of ten; a "noisy" value, to be smoothed; or the "mean"
    of all values so far.
    """

    key: str
    name: str
    first: float | None
    kind: Literal["value", "size", "noisy", "mean"] = "value"

    def points(self, rows: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
        """(steps, values) of the rows that have it, from step 0 on where its first value is known."""
        shown = [row for row in rows if self.key in row]  # where a run diverges, some are no numbers
        steps, values = [row["step"] for row in shown], [row[self.key] for row in shown]
        if self.kind == "mean":
            return steps, [total / n for n, total in enumerate(accumulate(values), 1)]
        if self.first is not None:
            steps, values = [0, *steps], [self.first, *values]
        return steps, list(map(abs, values)) if self.kind == "size" else values


@dataclass(frozen=True)
class Scene:
    """plane: None for problems of other than two coordinates."""

    series: Sequence[Series]
    plane: Plane | None = None


def save_scene(folder: Path, scene: Scene) -> None:
    """Write scene.npz; the same scene gives the same bytes."""
    import numpy

    about: dict[str, Any] = {"series": [asdict(series) for series in scene.series]}
    arrays: dict[str, Any] = {}
    if plane := scene.plane:
        about["chart"] = asdict(plane.chart)
        arrays = {"x": plane.window.x, "y": plane.window.y, "values": plane.values.astype("float32")}
    content = io.BytesIO()
    numpy.savez_compressed(content, about=numpy.array(json.dumps(about)), **arrays)
    temporary = folder / f"{FILE}.tmp"
    temporary.write_bytes(content.getvalue())
    temporary.replace(folder / FILE)


def read_scene(folder: Path) -> Scene | None:
    """The scene of a run's folder; None where there is none, or a damaged one."""
    import zipfile

    import numpy

    try:
        content = io.BytesIO((folder / FILE).read_bytes())
        with numpy.load(content, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            series = [Series(**each) for each in about["series"]]
            if "chart" not in about:
                return Scene(series)
            x, y, values = (file[name].astype(float) for name in ("x", "y", "values"))
        chart = Chart(**about["chart"])
        return Scene(series, Plane(Window(x, y), values, replace(chart, start=tuple(chart.start))))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
