"""Traces of a panel: what Plotly draws of each line."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from report.figures.contrast import DARK, LIGHT, channels, readable
from report.figures.panel import MARK_COLOUR, Line, Panel
from report.page.embedded import clean

WIDTH = 1.8  # of a line, in pixels
FEW = 8  # points that each have a marker
MARKERS_PER_LINE = 6  # of a line of more points
CROSS_STEP = 0.05  # between crosses at the same x, of the panel's height
SYMBOLS = {
    **{"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"},
    **{"v": "triangle-down", "P": "cross", "X": "x", "<": "triangle-left"},
}  # from matplotlib's markers to Plotly's
INK, MUTED, RULE = "#1c1f24", "#59616d", "#e2e4e8"
PAGE_COLOURS = {INK: "#e3e6ea", MUTED: "#9da5b0", RULE: "#30353d", LIGHT: DARK}  # light to dark, as in page.css

META = ("band", "raw", "line", "mark", "cross")  # from back to front
WEIGHTS = {"faint": 0, "normal": 1, "strong": 2}
Trace = dict[str, Any]


class Palette:
    """Colours of the light page. dark: from each of them to the one that replaces it on the dark page."""

    def __init__(self) -> None:
        self.dark = dict(PAGE_COLOURS)

    def __call__(self, colour: str, alpha: float = 1.0) -> str:
        """colour: "#rrggbb"; alpha: opacity, 0 to 1."""
        shades = [channels(readable(colour, ground)) for ground in (LIGHT, DARK)]
        light, dark = (f"rgba({red},{green},{blue},{alpha:g})" for red, green, blue in shades)
        self.dark[light] = dark
        return light


class Subplot:
    """The number-th of `count` panels. closest: whether the pointer shows one point, not all series at its x.

    The `meta` of a trace says what it is: a line's "band", its "raw" values, the "line" itself, its "mark"s of another
    source, or a "cross" where a run diverged.
    """

    def __init__(self, panel: Panel, number: int, count: int, colours: Palette, closest: bool) -> None:
        self.panel, self.colours = panel, colours
        self.axes = {"xaxis": axis_name("x", number), "yaxis": axis_name("y", number)}
        self.edge = {**self.axes, "yaxis": axis_name("y", count + number)}
        self.low, self.high = value_range(panel)
        self.crosses_at: Counter[float] = Counter()
        self.place = f"{plain(panel.x_name)} %{{x}}<br>" if closest else ""

    def traces(self, names: Sequence[str]) -> list[Trace]:
        """All traces, from back to front. names: the lines' names in the legend."""
        found = [
            (META.index(trace["meta"]), WEIGHTS[line.weight], trace | {"legendrank": 1000 + place})
            for place, (line, name) in enumerate(zip(self.panel.lines, names, strict=True))
            for trace in self.traces_of(line, name)
        ]
        return [trace for _, _, trace in sorted(found, key=lambda each: each[:2])]

    def traces_of(self, line: Line, name: str) -> Iterator[Trace]:
        look = line.style
        common = {
            **{"type": "scatter", "name": plain(name), "showlegend": False, **self.axes},
            "legendgroup": f"{name} {look.colour} {look.dash} {look.marker}",
        }
        if len(line.low):
            yield {**common, **self.band(line), "meta": "band"}
        if len(line.raw):
            yield {**common, **self.raw(line), "meta": "raw"}
        yield {**common, **self.curve(line), "meta": "line"}
        if line.marks:
            yield {**common, **self.marks(line), "meta": "mark"}
        if line.crosses:
            yield {**common, **self.crosses(line), "meta": "cross"}
        if len(line.diverged_at):
            yield {**common, **self.edge_crosses(line), "meta": "cross"}

    def curve(self, line: Line) -> Trace:
        colour = self.colours(line.style.colour)
        few = line.markers or len(line.x) <= FEW
        width = WIDTH * {"strong": 1.8, "normal": 1.0, "faint": 0.6}[line.weight]
        dash = ",".join(f"{length * WIDTH:g}px" for length in line.style.dash) or "solid"
        value, band = "%{y:.4~g}", {}
        if len(line.low):
            value += " (%{customdata[0]:.4~g} to %{customdata[1]:.4~g})"
            band = {"customdata": list(zip(numbers(line.low), numbers(line.high), strict=True))}
        return {
            **{"x": numbers(line.x) or [None], "y": numbers(line.y) or [None]},  # an empty trace has no legend entry
            **{"mode": "lines+markers", "hovertemplate": self.place + value, **band},
            "line": {"color": colour, "width": width, "dash": dash},
            "marker": {"symbol": SYMBOLS[line.style.marker], "size": 6, "color": colour}
            | {"maxdisplayed": 0 if few else MARKERS_PER_LINE},
            **({"mode": "lines"} if line.weight == "faint" else {}),
        }

    def raw(self, line: Line) -> Trace:
        style = {"color": self.colours(line.style.colour, 0.4), "width": 0.8}
        return {"x": numbers(line.x), "y": numbers(line.raw), "mode": "lines", "hoverinfo": "skip", "line": style}

    def band(self, line: Line) -> Trace:
        """The outline of the band, a piece for each stretch between gaps; on a logarithmic axis, down to its end."""
        xs, ys, stretch = [], [], []
        for point in [*zip(*map(numbers, (line.x, line.low, line.high)), strict=True), (None, None, None)]:
            if None not in point:
                stretch.append(point)
            elif stretch:
                x, low, high = zip(*stretch, strict=True)
                low = [max(value, self.low) for value in low] if self.panel.y_log else low
                xs += [*x, *x[::-1], x[0], None]
                ys += [*high, *low[::-1], high[0], None]
                stretch = []
        fill = {"fill": "toself", "fillcolor": self.colours(line.style.colour, 0.15), "line": {"width": 0}}
        return {"x": xs, "y": ys, "mode": "lines", "hoverinfo": "skip", **fill}

    def marks(self, line: Line) -> Trace:
        x, y, spread = map(numbers, zip(*line.marks, strict=True))
        style = {"color": self.colours(MARK_COLOUR), "width": 1.4}
        found = {
            **{"x": x, "y": y, "mode": "markers", "hovertemplate": f"{self.place}published %{{y:.4~g}}"},
            "marker": {"symbol": f"{SYMBOLS[line.style.marker]}-open", "size": 9, "line": style, **style},
        }
        return found | ({"error_y": {"array": spread, "width": 0, **style}} if any(spread) else {})

    def crosses(self, line: Line) -> Trace:
        """Where curves end; what exploded, at the edge."""
        ends = [end for end in line.crosses if None not in numbers(end)]
        return {
            **self.cross_style(line),
            **{"x": [x for x, _ in ends], "y": [min(max(y, self.low), self.high) for _, y in ends]},
            **{"customdata": [y for _, y in ends], "hovertemplate": f"{self.place}diverged at %{{customdata:.4~g}}"},
        }

    def edge_crosses(self, line: Line) -> Trace:
        """At the edge where bad values lie, each further inwards than those of other lines at its x."""
        inwards = []
        for x in line.diverged_at:
            self.crosses_at[x] += 1
            inwards.append(CROSS_STEP * (self.crosses_at[x] - 0.4))
        y = [1 - share for share in inwards] if self.panel.diverged_edge == "top" else inwards
        places = {"x": numbers(line.diverged_at), "y": y, "hovertemplate": f"{self.place}diverged"}
        return {**self.edge, **self.cross_style(line), **places}

    def cross_style(self, line: Line) -> Trace:
        style = {"color": self.colours(line.style.colour), "width": 1.8}
        return {"mode": "markers", "cliponaxis": False, "marker": {"symbol": "x-thin", "size": 8, "line": style}}


def has_limits(panel: Panel) -> bool:
    """Whether the panel sets the vertical axis' limits, and they exist on it."""
    return panel.y_range is not None and (panel.y_range[0] > 0 or not panel.y_log)


def value_range(panel: Panel) -> tuple[float, float]:
    """The lowest and the highest value that the panel shows."""
    if panel.y_range is not None and has_limits(panel):
        return panel.y_range
    values = [value for line in panel.lines for value in (*line.y, *line.low, *line.high, *(m.y for m in line.marks))]
    shown = [value for value in values if abs(value) < 1e100 and (value > 0 or not panel.y_log)]
    return min(shown, default=0.0), max(shown, default=1.0)


def axis_name(axis: str, number: int) -> str:
    """Plotly's name of the number-th axis, counted from 0: x, x2, x3, ..."""
    return axis if number == 0 else f"{axis}{number + 1}"


def plain(text: str) -> str:
    """Plain text for Plotly, which reads some of HTML."""
    return html.escape(clean(text), quote=False)


def numbers(values: Sequence[float]) -> list[float | None]:
    """Seven digits each, as many as a float32 has; None, a gap, for what is no number or too large to be drawn."""
    return [float(f"{value:.7g}") * (abs(value) > 1e-100) if abs(value) < 1e100 else None for value in values]
