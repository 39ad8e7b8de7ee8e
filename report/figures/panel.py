"""A figure's content, before anything is drawn: panels of lines. drawing.py and the HTML page draw the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from report.figures.looks import Look


@dataclass(frozen=True)
class Line:
    """A series: y over x, and, where several runs made it, the band from `low` to `high` around it.

    ghost: the raw values behind a smoothed line, drawn thin and pale. lost: the x at which runs diverged, marked
    with a cross at the panel's edge. crosses: (x, y) where curves of single runs broke off, as they diverged.
    """

    label: str
    look: Look
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    ghost: Sequence[float] = ()
    lost: Sequence[float] = ()
    crosses: Sequence[tuple[float, float]] = ()
    markers: bool = False  # a marker at every point: few points, each measured


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    y_range: its limits, where they must not follow the data. lost_at: the edge where bad values lie.
    """

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]
    x_log: bool = False
    y_log: bool = False
    y_range: tuple[float, float] | None = None
    note: str = ""  # the legend's title: what the bands are, what was left out; parts are separated by "; "
    lost_at: Literal["top", "bottom"] = "top"
    backdrop: Callable[[Any], None] | None = None  # draws on matplotlib's axes what is no line, such as contours
