"""Panels drawn by matplotlib, as PNG and PDF: a panel is as wide as a paper's column, in a caption's font size."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from report.figures.axes import log_axis
from report.figures.limits import extent
from report.figures.panel import MARK_COLOUR, Line, Panel

WIDTH, HEIGHT = 3.4, 2.3  # inches a panel
LINE = 0.16  # inches of a legend's line
DPI = 200
RC: dict[Any, Any] = {
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
HANDLE = 11  # letters' widths of a legend's line and the space around it
MARKERS = 6  # along a line of many points
CROSS = 0.08  # inches between crosses at one place
FEW = 8  # points that each have a marker, or a label on the axis


@contextmanager
def figure_style(settings: Mapping[Any, Any] = RC) -> Iterator[None]:
    """matplotlib's settings of all figures, for creating them and for saving them; none are the user's."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def blank_figure(width: float, height: float, layout: Any = None) -> Any:
    """A figure without a window; width, height: in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def new_figure(panels: int, columns: int, height: float = HEIGHT, below: float = 0) -> tuple[Any, list[Any]]:
    """A figure and its axes, `columns` a row; axes without a panel are hidden.

    height: inches a panel; below: inches for the legend below all of them.
    """
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure = blank_figure(WIDTH * columns, height * rows + below, "constrained")
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in every[panels:]:
        axes.set_visible(False)
    return figure, every[:panels]


def save(figure: Any, path: Path, formats: Sequence[str]) -> list[Path]:
    """Write path.png, path.pdf, ... and return them; equal figures give equal files, as they hold no time."""
    written = [path.with_name(f"{path.name}.{format}") for format in formats]
    with figure_style():
        for file in written:
            figure.savefig(file, dpi=DPI, metadata={"CreationDate": None} if file.suffix == ".pdf" else None)
    return written


def draw(panels: Sequence[Panel], path: Path, columns: int = 2, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Draw panels side by side, `columns` a row, into path.png and path.pdf; return the files."""
    return save(panels_figure(panels, columns), path, formats)


def panels_figure(panels: Sequence[Panel], columns: int = 2) -> Any:
    """The figure of panels; legends are below: one for all panels if they show the same series, or one a panel."""
    columns = min(columns, len(panels))
    most = max(panels, key=lambda panel: len(panel.lines))
    shared = len({(line.label, line.style) for panel in panels for line in panel.lines}) <= len(most.lines)
    notes = dict.fromkeys(part for panel in panels for part in panel.note.split("; ") if part)
    common = legend(most, "; ".join(notes), WIDTH * columns)
    legends = [legend(panel, panel.note, WIDTH) for panel in panels]
    height, below = (HEIGHT, common.inches) if shared else (HEIGHT + max(each.inches for each in legends), 0)
    with figure_style():
        figure, every = new_figure(len(panels), columns, height, below)
        for axes, panel, each in zip(every, panels, legends, strict=True):
            draw_panel(axes, panel)
            if not shared and panel.lines:
                entries = wrapped_entries(axes, WIDTH)
                axes.legend(*entries, loc="upper center", bbox_to_anchor=(0.5, -0.2), **each.options)
        if shared and most.lines:
            entries = wrapped_entries(every[panels.index(most)], WIDTH * columns)
            figure.legend(*entries, loc="outside lower center", **common.options)
    return figure


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
    title = textwrap.fill(panel.title, int(0.8 * WIDTH * LETTERS)) or None
    axes.set(xlabel=panel.x_name, ylabel=panel.y_name, title=title)
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.tick_params(which="minor", length=1.5)
    draw_divergences(axes, panel)
    if panel.background:
        panel.background(axes)


def set_limits(axes: Any, panel: Panel) -> None:
    """Limits around lines and bands; matplotlib's own would follow the crosses of diverged runs."""
    x = [value for line in panel.lines for value in (*line.x, *line.diverged_at, *(x for x, _ in line.crosses))]
    y = [value for line in panel.lines for value in (*line.y, *line.low, *line.high, *(mark.y for mark in line.marks))]
    x += [mark.x for line in panel.lines for mark in line.marks]
    axes.set_xlim(*extent(x, panel.x_log))
    axes.set_ylim(*(panel.y_range or extent(y, panel.y_log)))


def draw_line(axes: Any, line: Line, number: int) -> None:
    """The line, its band and the raw values behind. number: of the line in its panel, by which markers are shifted."""
    colour, points, faint = line.style.colour, len(line.x), line.weight == "faint"
    every = 1 if line.markers or points <= FEW else (number * points // (MARKERS * 5) % points, -(-points // MARKERS))
    options = {"linestyle": (0, line.style.dash), "marker": line.style.marker, "markevery": every}
    look = {"strong": (2.0, 2.3), "normal": (1.2, 2.0), "faint": (0.7, 1.5)}[line.weight]
    options |= {"linewidth": look[0], "zorder": look[1]} | ({"marker": "", "alpha": 0.6} if faint else {})
    axes.plot(line.x, line.y, label=f"_{line.label}" if faint else line.label, color=colour, **options)
    if len(line.low):
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
    if len(line.raw):
        axes.plot(line.x, line.raw, color=colour, linewidth=0.5, alpha=0.3, zorder=1)
    if line.marks:
        draw_marks(axes, line)


def draw_marks(axes: Any, line: Line) -> None:
    """Hollow and around the line's own markers, so that neither covers the other."""
    x, y, spread = zip(*line.marks, strict=True)
    hollow = {"markersize": 5, "markerfacecolor": "none", "markeredgewidth": 0.9, "zorder": 3}
    axes.errorbar(
        x, y, spread if any(spread) else None, fmt=line.style.marker, color=MARK_COLOUR, elinewidth=0.8, **hollow
    )


def draw_divergences(axes: Any, panel: Panel) -> None:
    """Crosses where runs diverged, and an arrowhead where a line leaves the panel for the first time."""
    from matplotlib.transforms import ScaledTranslation

    bottom, top = axes.get_ylim()
    edge = 1 if panel.diverged_edge == "top" else 0  # of the panel's height
    crosses_at: Counter[float] = Counter()  # crosses at one place of the edge are stacked
    for line in panel.lines:
        options = {"color": line.style.colour, "linestyle": "none", "clip_on": False, "zorder": 5}
        cross = {**options, "marker": "x", "markersize": 5, "markeredgewidth": 1.4}
        for x in line.diverged_at:
            inwards = ScaledTranslation(0, CROSS * crosses_at[x] * (1 - 2 * edge), axes.figure.dpi_scale_trans)
            axes.plot([x], [edge], transform=axes.get_xaxis_transform() + inwards, **cross)
            crosses_at[x] += 1
        for x, y in line.crosses:
            axes.plot([x], [min(max(y, bottom), top)], **cross)
        exit_x = next((x for x, y in zip(line.x, line.y, strict=True) if y > top), None)
        if exit_x is not None:
            axes.plot([exit_x], [top], marker="^", markersize=4, **options)


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
    """As few rows as fit into the width, in inches, and the note above them."""
    labels = [wrapped(text, width) for text in (*shown_labels(panel), *panel.background_labels)]
    longest = max(map(len, labels), default=0)
    rows = -(-len(labels) // max(1, int(width * LETTERS / (longest + HANDLE))))
    columns = -(-len(labels) // rows) if labels else 1
    rows += sum(text.count("\n") for text in labels)
    title = textwrap.wrap(note, int(width * LETTERS))
    options = {"ncols": columns, "title": "\n".join(title) or None, "handlelength": 3.4, "frameon": False}
    return Legend(options, LINE * (rows + len(title) + 1))


def shown_labels(panel: Panel) -> list[str]:
    return [line.label for line in panel.lines if line.weight != "faint"]


def wrapped(label: str, width: float) -> str:
    """A legend's text in as many lines as it needs within so many inches."""
    return textwrap.fill(label, int(width * LETTERS) - HANDLE, break_long_words=False, break_on_hyphens=False)


def wrapped_entries(axes: Any, width: float) -> tuple[list[Any], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    return handles, [wrapped(label, width) for label in labels]
