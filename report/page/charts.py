"""Panels as one Plotly figure: subplots with a common legend, as the JSON that charts.js draws."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from typing import Any

from report.figures.contrast import DARK, LIGHT, channels, readable
from report.figures.panel import Line, Panel
from report.page.embedded import clean
from report.page.thinning import MAX_POINTS, thinned

WIDTH = 1.8  # of a line, in pixels
FEW = 8  # points that each have a marker
MARKERS_PER_LINE = 6  # of a line of more points
MAX_UNIFIED = 12  # series whose values are listed together under the pointer
CROSS_STEP = 0.05  # of a panel's height, between crosses at the same x
SYMBOLS = {
    **{"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"},
    **{"v": "triangle-down", "P": "cross", "X": "x"},
}
INK, MUTED, RULE = "#1c1f24", "#59616d", "#e2e4e8"
PAGE_COLOURS = {INK: "#e3e6ea", MUTED: "#9da5b0", RULE: "#30353d", LIGHT: DARK}  # light to dark, as in page.css


def plotly_script() -> str:
    """plotly.js, which the Python package carries; the package itself is not imported."""
    path = distribution("plotly").locate_file("plotly/package_data/plotly.min.js")
    return path.read_text(encoding="utf-8")


def chart(panels: Sequence[Panel]) -> dict[str, Any]:
    """Plotly's `data` and `layout` on the light page, and `dark`: what each colour becomes on the dark one."""
    panels = [thinned_panel(panel) for panel in panels]
    colours = Palette()
    names = series_names(panels)
    layout: dict[str, Any] = common_layout(panels)
    data = []
    for number, panel in enumerate(panels):
        layout |= axes(panel, number, len(panels))
        layout["annotations"].append(heading(panel, number))
        data += Subplot(panel, number, len(panels), colours, names[number]).traces()
    shown: set[str] = set()
    for trace in data:
        if trace["meta"] == "line":
            trace["showlegend"] = trace["legendgroup"] not in shown
            shown.add(trace["legendgroup"])
    return {"data": data, "layout": layout, "dark": colours.dark}


class Palette:
    """Colours on the light page. dark: from each of them to its counterpart on the dark page."""

    def __init__(self) -> None:
        self.dark = dict(PAGE_COLOURS)

    def __call__(self, colour: str, alpha: float = 1.0) -> str:
        light, dark = (
            f"rgba({','.join(map(str, channels(readable(colour, ground))))},{alpha:g})" for ground in (LIGHT, DARK)
        )
        self.dark[light] = dark
        return light


def series_names(panels: Sequence[Panel]) -> list[list[str]]:
    """Names for the legend, a list a panel; with the panel's title where another panel gives it another style."""
    looks: dict[str, set] = {}
    for panel in panels:
        for line in panel.lines:
            looks.setdefault(line.label, set()).add(line.look)
    return [
        [
            f"{panel.title}: {line.label}" if len(looks[line.label]) > 1 and panel.title else line.label
            for line in panel.lines
        ]
        for panel in panels
    ]


def thinned_panel(panel: Panel) -> Panel:
    from dataclasses import replace

    return replace(panel, lines=[thinned(line) for line in panel.lines])


def is_thinned(panels: Sequence[Panel]) -> bool:
    return any(len(line.x) > MAX_POINTS for panel in panels for line in panel.lines)


def common_layout(panels: Sequence[Panel]) -> dict[str, Any]:
    """What the panels share. The number of columns and the height depend on the window: charts.js sets them."""
    count = max((len(panel.lines) for panel in panels), default=0)
    unified = count <= MAX_UNIFIED and all(is_ordered(line.x) for panel in panels for line in panel.lines)
    return {
        "grid": {"rows": 1, "columns": len(panels), "pattern": "independent", "xgap": 0.16},
        "hovermode": "x unified" if unified else "closest",
        "hoversubplots": "overlaying",
        "hoversort": "value descending",
        "hoverlabel": {"bgcolor": LIGHT, "bordercolor": RULE, "namelength": -1, "font": {"color": INK, "size": 12}},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": MUTED},
        "legend": {
            **{"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "itemwidth": 40},
            **{"font": {"size": 13, "color": INK}},
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 12, "t": 40, "b": 40},
        "annotations": [],
        "uirevision": "kept",
    }


def is_ordered(x: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(x, x[1:], strict=False))


def key(axis: str, number: int) -> str:
    """Plotly's name of the number-th axis: x, x2, x3, ...; xaxis, xaxis2, ..."""
    return axis if number == 0 else f"{axis}{number + 1}"


def axes(panel: Panel, number: int, count: int) -> dict[str, Any]:
    """The panel's axes; and a second vertical one from 0 to 1, for marks at the panel's edge."""
    line = {"gridcolor": RULE, "zeroline": False, "automargin": True, "exponentformat": "e", "minexponent": 4}
    x = {
        **line,
        **{"title": {"text": text(panel.x_name), "standoff": 6}, "anchor": key("y", number), "hoverformat": ".6~g"},
        **{"type": "log" if panel.x_log else "linear", "linecolor": MUTED, "showline": True},
        "unifiedhovertitle": {"text": f"{text(panel.x_name)} %{{x}}"},
        **ticks(panel),
    }
    y = {**line, "type": "log" if panel.y_log else "linear", "anchor": key("x", number)}
    if panel.y_log and decades(panel) < 3:
        y["dtick"] = "D2"
    if panel.y_range is not None:
        y["range"] = list(map(log10, panel.y_range)) if panel.y_log else list(panel.y_range)
    edge = {"overlaying": key("y", number), "range": [0, 1], "fixedrange": True, "visible": False}
    return {key("xaxis", number): x, key("yaxis", number): y, key("yaxis", count + number): edge}


def log10(value: float) -> float:
    import math

    return math.log10(value)


def decades(panel: Panel) -> float:
    values = [v for line in panel.lines for v in (*line.y, *line.low, *line.high) if v > 0]
    low, high = panel.y_range or (min(values, default=1.0), max(values, default=1.0))
    return log10(high / low) if low > 0 else 0.0


def ticks(panel: Panel) -> dict[str, Any]:
    """Ticks at the values themselves where few were measured; at whole numbers where all are whole."""
    values = sorted({x for line in panel.lines for x in line.x})
    if panel.x_log or not values:
        return {}
    gaps = [b - a for a, b in zip(values, values[1:], strict=False)]
    if all(line.markers for line in panel.lines) and 1 < len(values) <= FEW and min(gaps) > 0.08 * sum(gaps):
        return {"tickvals": values}
    return {"dtick": 1} if all(float(x).is_integer() for x in values) and values[-1] - values[0] <= FEW else {}


def heading(panel: Panel, number: int) -> dict[str, Any]:
    """The panel's title and the name of its vertical axis, above it.

    Without markup: Plotly would style it by attributes, which the page's policy forbids.
    """
    return {
        **{"text": text(": ".join(filter(None, (panel.title, panel.y_name)))), "showarrow": False},
        **{"xref": f"{key('x', number)} domain", "yref": f"{key('y', number)} domain", "x": 0, "y": 1},
        **{"xanchor": "left", "yanchor": "bottom", "yshift": 6, "font": {"color": INK, "size": 13}},
    }


def text(value: str) -> str:
    """Plain text for Plotly, which reads a part of HTML."""
    return html.escape(clean(value), quote=False)


class Subplot:
    """One panel's traces: for each line its band, raw values, the line itself and crosses where runs diverged.

    The `meta` of each trace says which of these it is.
    """

    def __init__(self, panel: Panel, number: int, count: int, colours: Palette, names: Sequence[str]) -> None:
        self.panel, self.colours, self.names = panel, colours, names
        self.axes = {"xaxis": key("x", number), "yaxis": key("y", number)}
        self.edge = {"xaxis": key("x", number), "yaxis": key("y", count + number)}
        self.low, self.high = self.limits()
        self.taken: dict[float, int] = {}

    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value that is shown."""
        if self.panel.y_range is not None:
            return self.panel.y_range
        values = [v for line in self.panel.lines for v in (*line.y, *line.low, *line.high)]
        shown = [v for v in values if abs(v) < 1e100 and (v > 0 or not self.panel.y_log)]
        return min(shown, default=0.0), max(shown, default=1.0)

    def traces(self) -> list[dict[str, Any]]:
        every = [list(self.traces_of(line, name)) for line, name in zip(self.panel.lines, self.names, strict=True)]
        order = ("band", "raw", "line", "cross")  # from back to front
        return sorted((trace for traces in every for trace in traces), key=lambda trace: order.index(trace["meta"]))

    def traces_of(self, line: Line, name: str) -> Iterator[dict[str, Any]]:
        colour = self.colours(line.look.colour)
        common = {"type": "scatter", "name": text(name), "legendgroup": f"{text(name)}|{colour}", "showlegend": False}
        hidden = {**common, **self.axes, "mode": "lines", "hoverinfo": "skip"}
        if len(line.low):
            fill = {"fill": "toself", "fillcolor": self.colours(line.look.colour, 0.15), "line": {"width": 0}}
            yield {**hidden, **self.outline(line), **fill, "meta": "band"}
        if len(line.ghost):
            style = {"color": self.colours(line.look.colour, 0.4), "width": 0.8}
            yield {**hidden, "x": numbers(line.x), "y": numbers(line.ghost), "line": style, "meta": "raw"}
        yield {**common, **self.axes, **self.curve(line, colour), "meta": "line"}
        cross = {
            **{"mode": "markers", "cliponaxis": False, "meta": "cross"},
            "marker": {"symbol": "x-thin", "size": 8, "line": {"color": colour, "width": 1.8}},
        }
        ends = [(x, y) for x, y in line.crosses if None not in numbers((x, y))]
        if ends:
            clipped = [min(max(y, self.low), self.high) for _, y in ends]
            template = {"customdata": numbers([y for _, y in ends]), "hovertemplate": "diverged, %{customdata:.4~g}"}
            yield {**common, **self.axes, **cross, **template, "x": numbers([x for x, _ in ends]), "y": clipped}
        if len(line.lost):
            places = {"x": numbers(line.lost), "y": [self.place(x) for x in line.lost]}
            yield {**common, **self.edge, **cross, **places, "hovertemplate": f"diverged{self.where()}"}

    def where(self) -> str:
        return f"<br>{text(self.panel.x_name)} %{{x}}"

    def place(self, x: float) -> float:
        """The height of a cross at the edge of the bad values, further inwards where there is one already."""
        rank = self.taken[x] = self.taken.get(x, 0) + 1
        inwards = CROSS_STEP * (rank - 0.4)
        return 1 - inwards if self.panel.lost_at == "top" else inwards

    def curve(self, line: Line, colour: str) -> dict[str, Any]:
        count = len(line.x)
        every = line.markers or count <= FEW
        band = {"customdata": list(zip(numbers(line.low), numbers(line.high), strict=True))} if len(line.low) else {}
        value = "%{y:.4~g}" + (" (%{customdata[0]:.4~g} to %{customdata[1]:.4~g})" if band else "")
        dash = ",".join(f"{length * WIDTH:g}px" for length in line.look.dash)
        return {
            **{"mode": "lines+markers", "hovertemplate": value, **band},
            **{"x": numbers(line.x) or [None], "y": numbers(line.y) or [None]},  # an empty trace has no legend entry
            "line": {"color": colour, "width": WIDTH, "dash": dash or "solid"},
            "marker": {
                **{"symbol": SYMBOLS[line.look.marker], "size": 6, "color": colour},
                "maxdisplayed": 0 if every else MARKERS_PER_LINE,
            },
        }

    def outline(self, line: Line) -> dict[str, Any]:
        """The outline of the band, in as many pieces as gaps leave. Where it has no logarithm it ends at the lowest."""
        floor = self.low if self.panel.y_log else None
        xs, ys, piece = [], [], []
        for point in [*zip(*map(numbers, (line.x, line.low, line.high)), strict=True), (None, None, None)]:
            if None not in point:
                piece.append(point)
            elif piece:
                x, low, high = zip(*piece, strict=True)
                xs += [*x, *x[::-1], x[0], None]
                ys += [*high, *(v if floor is None else max(v, floor) for v in low[::-1]), high[0], None]
                piece = []
        return {"x": xs, "y": ys}


def numbers(values: Sequence[float]) -> list[float | None]:
    """Seven digits each, as many as a float32 has; None, a gap, for what is no number or too large to be drawn."""
    return [float(f"{value:.7g}") * (abs(value) > 1e-100) if abs(value) < 1e100 else None for value in values]


def panels_csv(panels: Sequence[Panel]) -> str:
    """Every point of the panels as CSV (RFC 4180)."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["panel", "series", "x", "y", "low", "high", "raw", "diverged"])
    for panel in panels:
        name = panel.title or panel.y_name
        for line in panel.lines:
            for i, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
                more = [values[i] if len(values) else "" for values in (line.low, line.high, line.ghost)]
                rows.writerow([name, line.label, x, y, *more, ""])
            rows.writerows([name, line.label, x, "", "", "", "", "yes"] for x in line.lost)
            rows.writerows([name, line.label, x, y, "", "", "", "yes"] for x, y in line.crosses)
    return file.getvalue()
