"""The content of a figure: panels of lines, which drawing.py and the HTML page draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from report.figures.series_style import SeriesStyle

Weight = Literal["strong", "normal", "faint"]
MARK_COLOUR = "#6e6e6e"


class Mark(NamedTuple):
    """spread: y ± spread."""

    x: float
    y: float
    spread: float = 0.0


@dataclass(frozen=True)
class Line:
    """A series: y over x, and, where several runs made it, the band from `low` to `high` around it.

    raw: the values behind a smoothed line, drawn thin and pale. diverged_at: the x at which runs diverged, marked by a
    cross at the panel's edge. crosses: (x, y) of the last points of runs that diverged. marks: values of another source
    at some x, drawn grey and hollow in the line's marker. weight: "strong" is thick and on top, "faint" thin, behind
    the others, and without an entry in a printed legend.
    """

    label: str
    style: SeriesStyle
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    raw: Sequence[float] = ()
    diverged_at: Sequence[float] = ()
    crosses: Sequence[tuple[float, float]] = ()
    markers: bool = False  # at every point, for few measured ones
    marks: Sequence[Mark] = ()
    weight: Weight = "normal"


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    y_range: its limits, where they must not follow the data. diverged_edge: the edge of bad values. background: draws
    on matplotlib's axes, such as contours; background_labels: of what it adds to the legend.
    """

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]
    x_log: bool = False
    y_log: bool = False
    y_range: tuple[float, float] | None = None
    note: str = ""  # the legend's title; parts are separated by "; "
    diverged_edge: Literal["top", "bottom"] = "top"
    background: Callable[[Any], None] | None = None
    background_labels: Sequence[str] = ()
