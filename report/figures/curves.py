"""curves.png of one run: loss and metric per epoch, training and validation.

It is drawn after every run, and of a small run it is a good part: most of its time goes into ticks and their labels.
Hence few of them, the legend once, places for it and for the axes that need no search, and little compression.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report.figures.axes import FRACTIONS, NAMES, few_ticks, log_axis
from results.metrics import read_rows, value_keys

COLOURS = {"train": "#0072b2", "val": "#d55e00"}  # Okabe and Ito's palette, told apart by the colour-blind
STYLES = {"train": "-", "val": "--"}
INCHES = (5.0, 3.6)  # a panel


def draw_curves(folder: Path) -> None:
    """Draw metrics.jsonl of a run's folder; nothing is drawn before the first epoch is over."""
    rows = [row for row in read_rows(folder / "metrics.jsonl") if row.get("per") == "epoch"]
    if not rows:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = value_keys(rows[0])
    figure = Figure(figsize=(INCHES[0] * len(keys), INCHES[1]))
    FigureCanvasAgg(figure)
    for i, key in enumerate(keys):
        axes = figure.add_axes(((i + 0.155) / len(keys), 0.14, 0.82 / len(keys), 0.83))
        draw_panel(axes, rows, key)
        if i == 0:
            axes.legend(loc="upper right")
    figure.savefig(folder / "curves.png", dpi=120, pil_kwargs={"compress_level": 1})


def draw_panel(axes: Any, rows: list[dict[str, Any]], key: str) -> None:
    for split in ("train", "val"):
        chosen = [row for row in rows if row["split"] == split]
        epochs, values = [row["epoch"] for row in chosen], [row[key] for row in chosen]
        mark = "o" if len(epochs) == 1 else None
        axes.plot(epochs, values, STYLES[split], color=COLOURS[split], marker=mark, label=NAMES[split])
    few_ticks(axes)
    if key not in FRACTIONS and min(row[key] for row in rows) > 0:
        log_axis(axes)
    axes.set_xlabel("epoch")
    axes.set_ylabel(NAMES.get(key, key))
    axes.xaxis.set_label_coords(0.5, -0.1)  # else all tick labels are measured, twice
    axes.yaxis.set_label_coords(-0.13, 0.5)
    axes.grid(alpha=0.3)
