"""What main.py calls at the end of a run and of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: modules that draw_run imports
PRELOAD = ("report.figures.curves", "matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.ticker")


def draw_run(folder: Path) -> None:
    """Draw a run's pictures into its folder."""
    from report.figures.curves import draw_curves

    draw_curves(folder)


def summarise_sweep(runs: Sequence[Path], folder: Path) -> str:
    """Draw comparison_<task>.png into a sweep's folder; return a table for each task (mean and std)."""
    from report.figures.comparison import comparison
    from report.figures.drawing import draw
    from report.tables.best import best_table
    from results.run import read_run
    from results.settings import settings

    read = [read_run(run) for run in runs]
    parts = []
    for task in sorted({run.task for run in read}):
        tried = settings(run for run in read if run.task == task)
        if any(setting.finished for setting in tried):
            parts.append(f"\n{task}, the best setting of each optimizer on validation:\n{best_table(tried).markdown()}")
            draw(comparison(tried), folder / f"comparison_{task}", formats=["png"])
    return "\n".join(parts)
