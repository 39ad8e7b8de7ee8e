"""Panels drawn by matplotlib, as PNG and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report.curves import log_axis
from report.panel import Line, Panel

WIDTH, HEIGHT = 5.2, 4.0  # inches a panel


def draw(panels: Sequence[Panel], path: Path, columns: int = 2, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Draw panels side by side, `columns` a row, into path.png and path.pdf; return what was written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, columns, squeeze=False).flat
    for axes, panel in zip(every, panels, strict=False):
        draw_panel(axes, panel)
    for axes in list(every)[len(panels) :]:
        axes.set_visible(False)
    written = [path.with_name(f"{path.name}.{format}") for format in formats]
    for file in written:
        figure.savefig(file, dpi=120)
    return written


def draw_panel(axes: Any, panel: Panel) -> None:
    for line in panel.lines:
        draw_line(axes, line)
    if panel.x_log:
        axes.set_xscale("log")
    if panel.y_log:
        log_axis(axes)
    if panel.y_range:
        axes.set_ylim(*panel.y_range)
    axes.set(xlabel=panel.x_name, ylabel=panel.y_name, title=panel.title or None)
    axes.grid(alpha=0.3)
    axes.legend(title=panel.note or None, fontsize="small")


def draw_line(axes: Any, line: Line) -> None:
    style = (0, line.look.dash) if line.look.dash else "-"
    marker = line.look.marker if line.markers or len(line.x) == 1 else None
    axes.plot(line.x, line.y, color=line.look.colour, linestyle=style, marker=marker, markersize=4, label=line.label)
    if len(line.low):
        axes.fill_between(line.x, line.low, line.high, color=line.look.colour, alpha=0.15, linewidth=0)
    if len(line.ghost):
        axes.plot(line.x, line.ghost, color=line.look.colour, linewidth=0.6, alpha=0.35)
