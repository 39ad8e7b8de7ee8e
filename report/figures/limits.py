"""Limits of axes: without the series that explode, which would flatten all others."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from statistics import median_low

from report.figures.panel import Line

FACTOR_LOG, FACTOR = (
    10.0,
    3.0,
)  # times the median series, above which one explodes; on a logarithmic axis, on a linear one


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


def extent(values: Sequence[float], log: bool, margin: float = 0.05) -> tuple[float, float]:
    """Limits around values, with a margin of so much of their span; log: of the positive ones, by factors."""
    seen = [log10(value) if log else value for value in values if value > 0 or not log] or [0.0]
    low, high = min(seen), max(seen)
    around = margin * (high - low) or (0.1 if log else 0.05 * abs(high) or 1.0)
    return (10 ** (low - around), 10 ** (high + around)) if log else (low - around, high + around)
