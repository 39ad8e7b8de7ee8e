"""Long lines, shortened to what a screen can show."""

from __future__ import annotations

from dataclasses import replace

from report.figures.panel import Line

MAX_POINTS = 2000  # of a line: a screen has fewer columns, and 60 lines of more would make tens of megabytes


def thinned(line: Line) -> Line:
    """At most MAX_POINTS of the line's points: the lowest and the highest of each stretch, so that spikes stay."""
    if len(line.x) <= MAX_POINTS:
        return line
    import numpy

    y = numpy.asarray(line.y, float)
    y = numpy.where(numpy.isfinite(y), y, y[numpy.isfinite(y)].min(initial=0))
    stretches = numpy.array_split(numpy.arange(len(y)), MAX_POINTS // 2)
    extremes = {int(s[find(y[s])]) for s in stretches[1:-1] for find in (numpy.argmin, numpy.argmax)}
    kept = sorted({0, len(y) - 1} | extremes)
    series = {key: getattr(line, key) for key in ("x", "y", "low", "high", "raw")}
    return replace(line, **{key: [values[i] for i in kept] for key, values in series.items() if len(values)})
