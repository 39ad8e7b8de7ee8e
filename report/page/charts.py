"""Panels as one Plotly figure: subplots with a common legend, as the JSON that charts.js draws."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import distribution
from math import log10
from pathlib import Path
from typing import Any

from report.figures.contrast import LIGHT
from report.figures.panel import Mark, Panel
from report.page.thinning import thinned
from report.page.traces import (
    FEW,
    INK,
    MUTED,
    RULE,
    Palette,
    Subplot,
    axis_name,
    has_limits,
    numbers,
    plain,
    value_range,
)

MAX_UNIFIED = 12  # series whose values are listed together at the pointer


def plotly_script() -> str:
    """plotly.js, which the Python package carries. The package itself, slow to import, is not needed."""
    file = distribution("plotly").locate_file("plotly/package_data/plotly.min.js")
    return Path(str(file)).read_text(encoding="utf-8")


def chart(panels: Sequence[Panel]) -> dict[str, Any]:
    """Plotly's `data` and `layout` for the light page, and `dark`: from each colour to the dark page's.

    Panels without series are left out. Raises ValueError for a colour that is not #rrggbb.
    """
    panels = [replace(panel, lines=[thinned(line) for line in panel.lines]) for panel in panels if panel.lines]
    layout, colours, data = common_layout(panels), Palette(), []
    for number, (panel, names) in enumerate(zip(panels, series_names(panels), strict=True)):
        layout |= axes(panel, number, len(panels))
        layout["annotations"].append(heading(panel, number))
        subplot = Subplot(panel, number, len(panels), colours, layout["hovermode"] == "closest")
        data += subplot.traces(names)
    shown: set[str] = set()
    for trace in data:
        if trace["meta"] == "line":
            trace["showlegend"] = trace["legendgroup"] not in shown
            shown.add(trace["legendgroup"])
    return {"data": data, "layout": layout, "dark": colours.dark}


def series_names(panels: Sequence[Panel]) -> list[list[str]]:
    """Each panel's names in the legend: the labels, after the panel's title where a label has several styles."""
    styles = defaultdict(set)
    for panel in panels:
        for line in panel.lines:
            styles[line.label].add(line.style)

    def name(panel: Panel, label: str) -> str:
        return f"{panel.title}: {label}" if panel.title and len(styles[label]) > 1 else label

    return [[name(panel, line.label) for line in panel.lines] for panel in panels]


def common_layout(panels: Sequence[Panel]) -> dict[str, Any]:
    """What the panels share. charts.js sets what depends on the window: the number of columns, width and height."""
    few = all(len(panel.lines) <= MAX_UNIFIED for panel in panels)
    unified = few and all(is_sorted(line.x) for panel in panels for line in panel.lines)
    return {
        "grid": {"rows": 1, "columns": len(panels), "pattern": "independent", "xgap": 0.16, "ygap": 0.3},
        "hovermode": "x unified" if unified else "closest",
        "hoversort": "value descending",
        "hoverlabel": {"bgcolor": LIGHT, "bordercolor": RULE, "namelength": -1, "font": {"color": INK, "size": 12}},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": MUTED},
        "legend": {
            **{"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
            **{"itemwidth": 40, "font": {"size": 13, "color": INK}},
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 12, "t": 52, "b": 40},
        "annotations": [],
        "uirevision": "same",
    }


def is_sorted(x: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(x, x[1:], strict=False))


def axes(panel: Panel, number: int, count: int) -> dict[str, Any]:
    """The axes of the number-th of `count` panels, and a vertical one from 0 to 1 for crosses at the panel's edge."""
    common = {"gridcolor": RULE, "zeroline": False, "automargin": True, "exponentformat": "e", "minexponent": 4}
    x = {
        **{**common, "type": "log" if panel.x_log else "linear", "anchor": axis_name("y", number)},
        **{"title": {"text": plain(panel.x_name), "standoff": 6}, "showline": True, "linecolor": MUTED},
        **{"spikecolor": MUTED, "spikethickness": 1, "spikedash": "dot"},
        **{"hoverformat": ".6~g", "unifiedhovertitle": {"text": f"{plain(panel.x_name)} %{{x}}"}, **x_ticks(panel)},
    }
    y = {**common, "type": "log" if panel.y_log else "linear", "anchor": axis_name("x", number)}
    if panel.y_log and 1 <= decades(panel) < 3:
        y["dtick"] = "D2"  # ticks at 1, 2 and 5 times powers of ten; Plotly would label all digits
    if has_limits(panel):
        y["range"] = [log10(end) if panel.y_log else end for end in value_range(panel)]
    edge = {"overlaying": axis_name("y", number), "range": [0, 1], "fixedrange": True, "visible": False}
    names = axis_name("xaxis", number), axis_name("yaxis", number), axis_name("yaxis", count + number)
    return dict(zip(names, (x, y, edge), strict=True))


def x_ticks(panel: Panel) -> dict[str, Any]:
    """Ticks at the values where few were measured, at whole numbers where all are whole; else Plotly's."""
    values = sorted({x for line in panel.lines for x in (*line.x, *(mark.x for mark in line.marks))})
    gaps = [b - a for a, b in zip(values, values[1:], strict=False)]
    if panel.x_log or not gaps:
        return {}
    if all(line.markers for line in panel.lines) and len(values) <= FEW and min(gaps) > 0.08 * sum(gaps):
        return {"tickvals": values}
    return {"dtick": 1} if sum(gaps) <= FEW and all(float(x).is_integer() for x in values) else {}


def decades(panel: Panel) -> float:
    """The span of the values above zero, in powers of ten."""
    low, high = value_range(replace(panel, y_log=True))
    return log10(high / low) if low > 0 else 0.0


def heading(panel: Panel, number: int) -> dict[str, Any]:
    """The panel's title and the name of its vertical axis, above it.

    Without markup, which Plotly would style by attributes: the page's policy forbids these.
    """
    return {
        **{"text": plain(": ".join(filter(None, (panel.title, panel.y_name)))), "showarrow": False},
        **{"xref": f"{axis_name('x', number)} domain", "x": 0, "xanchor": "left", "font": {"color": INK, "size": 13}},
        **{"yref": f"{axis_name('y', number)} domain", "y": 1, "yanchor": "bottom", "yshift": 6},
    }


def panels_csv(panels: Sequence[Panel]) -> str:
    """Every point of the panels as CSV (RFC 4180)."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["panel", "series", "x", "y", "low", "high", "raw", "diverged"])
    for panel in panels:
        for line in panel.lines:
            names = panel.title or panel.y_name, line.label
            empty = [None] * len(line.x)
            columns = [numbers(values) or empty for values in (line.x, line.y, line.low, line.high, line.raw)]
            rows.writerows([*names, *point, None] for point in zip(*columns, strict=True))
            rows.writerows([names[0], f"{names[1]}: published", *mark_cells(mark)] for mark in line.marks)
            ends = [*((x, None) for x in line.diverged_at), *line.crosses]
            rows.writerows([*names, *end, None, None, None, "yes"] for end in ends)
    return file.getvalue()


def mark_cells(mark: Mark) -> list[float | None]:
    ends = (mark.y - mark.spread, mark.y + mark.spread) if mark.spread else (None, None)
    return [mark.x, mark.y, *ends, None, None]
