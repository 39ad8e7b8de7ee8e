"""Limits of axes: without the series that explode, which would flatten all others."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from statistics import median_low

from report.figures.panel import Line

#: times the median series, above which one explodes; on a logarithmic axis, on a linear one
FACTOR_LOG, FACTOR = 10.0, 3.0
LATE_SHARE = 1 / 3  # of an axis: ends that take less can't be told apart
OUTLIER = 10.0  # times the median's distance from the top


def readable_range(lines: Sequence[Line], log: bool) -> tuple[tuple[float, float] | None, str]:
    """The limits of a loss's axis, and a note on them; (None, "") where they may follow the data.

    A series explodes if its highest value is more than ten times (linear axis: three times) the median series'; the
    axis ends a little above the highest of the others.
    """
    tops = {line.label: max([*line.y, *line.high]) for line in lines if len(line.y)}
    bound = (FACTOR_LOG if log else FACTOR) * median_low(tops.values()) if tops else 0.0
    cut = [label for label, top in tops.items() if top > bound]
    if bound <= 0 or not cut:
        return None, ""
    high = float(f"{max(top for top in tops.values() if top <= bound) * (1.5 if log else 1.1):.2g}")
    values = [value for line in lines for value in (*line.y, *line.low) if value <= high and (value > 0 or not log)]
    low = min(values) / 1.2 if log else min(0.0, *values)
    return (low, high), f"cut off above {high:g}: {' and '.join(cut)}"


def late_range(lines: Sequence[Line]) -> tuple[tuple[float, float] | None, str]:
    """The limits of an accuracy's axis, and a note on them; (None, "") where it may follow the data.

    Where the curves' ends take less than a third of the whole range, the axis holds the ends and half as much below
    them: from the first epochs' accuracy on, all late differences would be a line's width. Of four curves or more, one
    that ends ten times as far below the top as the median does not count.
    """
    drawn = [line for line in lines if len(line.y)]
    values = [value for line in drawn for value in (*line.y, *line.low, *line.high)]
    if not values:
        return None, ""
    top = max(values)
    gaps = {line.label: top - min([line.y[-1], *line.low[-1:]]) for line in drawn}
    bound = OUTLIER * median_low(gaps.values()) if len(gaps) > 3 else max(gaps.values())
    span = max(gap for gap in gaps.values() if gap <= bound)
    if not 0 < span < LATE_SHARE * (top - min(values)):
        return None, ""
    low = round(top - 1.5 * span, 1 + ceil(-log10(span)))
    below = [label for label, gap in gaps.items() if gap > bound]
    return (low, top + 0.08 * span), f"cut off below {low:g}" + (f": {' and '.join(below)}" if below else "")


def extent(values: Sequence[float], log: bool, margin: float = 0.05) -> tuple[float, float]:
    """Limits around values, with a margin of so much of their span; log: of the positive ones, by factors."""
    seen = [log10(value) if log else value for value in values if value > 0 or not log] or [0.0]
    low, high = min(seen), max(seen)
    around = margin * (high - low) or (0.1 if log else 0.05 * abs(high) or 1.0)
    return (10 ** (low - around), 10 ** (high + around)) if log else (low - around, high + around)
