"""curves.png of one run: loss and metric per epoch, training and validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report.runs import read_rows, value_keys

COLOURS = {"train": "#0072b2", "val": "#d55e00"}  # Okabe and Ito's palette, told apart by the colour-blind
STYLES = {"train": "-", "val": "--"}
FRACTIONS = ("acc", "error")  # drawn on a linear axis
NAMES = {"train": "training", "val": "validation", "loss": "loss", "acc": "accuracy", "mse": "squared error"}


def draw_curves(folder: Path) -> None:
    """Draw metrics.jsonl of a run's folder; nothing is drawn before the first epoch is over."""
    rows = [row for row in read_rows(folder / "metrics.jsonl") if row.get("per") == "epoch"]
    if not rows:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = value_keys(rows[0])
    figure = Figure(figsize=(5 * len(keys), 3.6))
    FigureCanvasAgg(figure)
    # a layout engine would measure every label first, which takes longer than all the rest
    figure.subplots_adjust(left=0.09, right=0.985, bottom=0.14, top=0.97, wspace=0.24)
    for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        draw_panel(axes, rows, key)
    figure.savefig(folder / "curves.png", dpi=120)


def draw_panel(axes: Any, rows: list[dict[str, Any]], key: str) -> None:
    for split in ("train", "val"):
        chosen = [row for row in rows if row["split"] == split]
        epochs, values = [row["epoch"] for row in chosen], [row[key] for row in chosen]
        mark = "o" if len(epochs) == 1 else None
        axes.plot(epochs, values, STYLES[split], color=COLOURS[split], marker=mark, label=NAMES[split])
    if key not in FRACTIONS and min(row[key] for row in rows) > 0:
        log_axis(axes)
    epoch_axis(axes)
    axes.set_ylabel(NAMES.get(key, key))
    axes.legend()


def log_axis(axes: Any) -> None:
    """A logarithmic axis; within two decades its labels are plain numbers, as many as there is room for."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high < 100 * low:
        subs = (1, 2, 3, 4, 5, 6, 8) if high < 8 * low else (1, 2, 3, 5)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())  # half of the time of drawing would go into ticks
    axes.yaxis.set_minor_formatter(NullFormatter())


def epoch_axis(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
