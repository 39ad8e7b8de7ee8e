"""Panels drawn by matplotlib, as PNG and PDF: a panel is as wide as a paper's column, its text as a caption's."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from report.figures.axes import log_axis
from report.figures.limits import extent
from report.figures.panel import Line, Panel

WIDTH, HEIGHT = 3.4, 2.3  # inches a panel
LINE = 0.16  # inches of a legend's line
DPI = 200
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "lines.scale_dashes": True,
    "pdf.fonttype": 42,  # conferences refuse matplotlib's default, Type 3
}
LETTERS = 17  # of a legend's text, an inch
MARKERS = 6  # along a line of many points
CROSS = 0.08  # inches
FEW = 8  # points that each have a marker, or a label on the axis


@contextmanager
def new_figure(panels: int, columns: int, height: float = HEIGHT, below: float = 0) -> Iterator[tuple[Any, list[Any]]]:
    """A figure in our style and its axes, `columns` a row; those behind the last panel are hidden.

    height: inches a panel; below: inches for what stands below all of them.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, panels)
    rows = -(-panels // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * columns, height * rows + below), layout="constrained")
        FigureCanvasAgg(figure)
        every = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in every[panels:]:
            axes.set_visible(False)
        yield figure, every[:panels]


def save(figure: Any, path: Path, formats: Sequence[str]) -> list[Path]:
    """Write path.png, path.pdf, ...; the same figure is the same file, as no time is written into it."""
    written = [path.with_name(f"{path.name}.{format}") for format in formats]
    for file in written:
        figure.savefig(file, dpi=DPI, metadata={"CreationDate": None} if file.suffix == ".pdf" else None)
    return written


def draw(panels: Sequence[Panel], path: Path, columns: int = 2, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Draw panels side by side, `columns` a row, into path.png and path.pdf; return what was written.

    Legends are below, where they hide nothing: one for all panels if they show the same series, or one a panel.
    """
    columns = min(columns, len(panels))
    most = max(panels, key=lambda panel: len(panel.lines))
    shared = len({(line.label, line.look) for panel in panels for line in panel.lines}) <= len(most.lines)
    notes = dict.fromkeys(part for panel in panels for part in panel.note.split("; ") if part)
    common = legend(most, "; ".join(notes), WIDTH * columns)
    own = [legend(panel, panel.note, WIDTH) for panel in panels]
    height, below = (HEIGHT, common.inches) if shared else (HEIGHT + max(each.inches for each in own), 0)
    with new_figure(len(panels), columns, height, below) as (figure, every):
        for axes, panel, each in zip(every, panels, own, strict=True):
            draw_panel(axes, panel)
            if not shared and panel.lines:
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), **each.options)
        if shared and most.lines:
            handles = every[panels.index(most)].get_legend_handles_labels()
            figure.legend(*handles, loc="outside lower center", **common.options)
        return save(figure, path, formats)


def draw_panel(axes: Any, panel: Panel) -> None:
    for i, line in enumerate(panel.lines):
        draw_line(axes, line, i)
    set_limits(axes, panel)
    if panel.x_log:
        log_axis(axes, "x")
    else:
        whole_ticks(axes, panel)
    if panel.y_log:
        log_axis(axes)
    axes.set(xlabel=panel.x_name, ylabel=panel.y_name, title=panel.title or None)
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.tick_params(which="minor", length=1.5)
    draw_losses(axes, panel)
    if panel.backdrop:
        panel.backdrop(axes)


def set_limits(axes: Any, panel: Panel) -> None:
    """Set by hand: matplotlib's would leave out bands, and follow the crosses of what exploded."""
    x = [value for line in panel.lines for value in (*line.x, *line.lost, *(x for x, _ in line.crosses))]
    y = [value for line in panel.lines for value in (*line.y, *line.low, *line.high)]
    axes.set_xlim(*extent(x, panel.x_log))
    axes.set_ylim(*(panel.y_range or extent(y, panel.y_log)))


def draw_line(axes: Any, line: Line, place: int) -> None:
    """The line, its band and the raw values behind; `place`: among its panel's lines, to keep markers apart."""
    look, points = line.look, len(line.x)
    every = 1 if line.markers or points <= FEW else (place * points // (MARKERS * 5) % points, -(-points // MARKERS))
    style = {"color": look.colour, "linestyle": (0, look.dash), "marker": look.marker, "markevery": every}
    axes.plot(line.x, line.y, label=line.label, **style)
    if len(line.low):
        axes.fill_between(line.x, line.low, line.high, color=look.colour, alpha=0.15, linewidth=0)
    if len(line.ghost):
        axes.plot(line.x, line.ghost, color=look.colour, linewidth=0.5, alpha=0.3, zorder=1)


def draw_losses(axes: Any, panel: Panel) -> None:
    """Crosses where runs diverged, and an arrowhead where a line leaves the panel for the first time."""
    from matplotlib.transforms import ScaledTranslation

    bottom, top = axes.get_ylim()
    at = 1 if panel.lost_at == "top" else 0  # of the panel's height
    there: Counter[float] = Counter()  # crosses at one place of the edge, which are drawn one above the other
    for line in panel.lines:
        look = {"color": line.look.colour, "linestyle": "none", "clip_on": False, "zorder": 5}
        cross = {**look, "marker": "x", "markersize": 5, "markeredgewidth": 1.4}
        for x in line.lost:
            inwards = ScaledTranslation(0, CROSS * there[x] * (1 - 2 * at), axes.figure.dpi_scale_trans)
            axes.plot([x], [at], transform=axes.get_xaxis_transform() + inwards, **cross)
            there[x] += 1
        for x, y in line.crosses:
            axes.plot([x], [min(max(y, bottom), top)], **cross)
        out = next((x for x, y in zip(line.x, line.y, strict=True) if y > top), None)
        if out is not None:
            axes.plot([out], [top], marker="^", markersize=4, **look)


def whole_ticks(axes: Any, panel: Panel) -> None:
    """Whole numbers, where all x are; labels at the values themselves, where few were measured."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    found = sorted({x for line in panel.lines for x in line.x})
    gaps = [b - a for a, b in zip(found, found[1:], strict=False)]
    if all(line.markers for line in panel.lines) and 1 < len(found) <= FEW and min(gaps) > 0.08 * sum(gaps):
        axes.set_xticks(found)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator("auto", integer=all(float(x).is_integer() for x in found), steps=[1, 2, 5, 10])
        )


class Legend(NamedTuple):
    options: dict[str, Any]
    inches: float  # its height


def legend(panel: Panel, note: str, width: float) -> Legend:
    """As many columns as fit beside each other; the note above them. width: in inches."""
    longest = max((len(line.label) for line in panel.lines), default=0)
    columns = max(1, min(len(panel.lines), int(width * LETTERS / (longest + 11))))
    title = textwrap.wrap(note, int(width * LETTERS))
    rows = -(-len(panel.lines) // columns) + len(title)
    options = {"ncols": columns, "title": "\n".join(title) or None, "handlelength": 3.4, "frameon": False}
    return Legend(options, LINE * (rows + 1))
