"""curves.png of one run: loss and metric per epoch, training and validation.

It is drawn after every run, and takes a good part of a small run's time, mostly for ticks and their labels. Hence few
ticks, one legend, fixed places instead of a layout engine, and little compression.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report.figures.axes import log_axis
from report.figures.drawing import blank_figure, figure_style
from report.figures.series_style import COLOURS
from report.names import FRACTIONS, NAMES
from results.metrics import read_rows, value_keys
from results.paths import METRICS

STYLES = {"train": ("-", COLOURS[0]), "val": ("--", COLOURS[1])}
INCHES = (5.0, 3.6)  # a panel


def draw_curves(folder: Path) -> None:
    """Draw metrics.jsonl of a run's folder; nothing before the first epoch's end."""
    rows = [row for row in read_rows(folder / METRICS) if row.get("per") == "epoch"]
    if not rows:
        return
    keys = value_keys(rows[0])
    with figure_style({}):  # matplotlib's defaults, which are drawn fastest
        figure = blank_figure(INCHES[0] * len(keys), INCHES[1])
        for i, key in enumerate(keys):
            axes = figure.add_axes(((i + 0.155) / len(keys), 0.14, 0.82 / len(keys), 0.83))
            draw_metric(axes, rows, key)
            if i == 0:
                axes.legend(loc="upper right")
        figure.savefig(folder / "curves.png", dpi=120, pil_kwargs={"compress_level": 1})


def draw_metric(axes: Any, rows: list[dict[str, Any]], key: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for split, (dash, colour) in STYLES.items():
        chosen = [row for row in rows if row["split"] == split]
        epochs, values = [row["epoch"] for row in chosen], [row[key] for row in chosen]
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, values, dash, color=colour, marker=marker, label=NAMES[split])
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(length=0)
    if key not in FRACTIONS and min(row[key] for row in rows) > 0:
        log_axis(axes)
    axes.set_xlabel("epoch")
    axes.set_ylabel(NAMES.get(key, key))
    axes.xaxis.set_label_coords(0.5, -0.1)  # else all tick labels are measured, twice
    axes.yaxis.set_label_coords(-0.13, 0.5)
    axes.grid(alpha=0.3)
