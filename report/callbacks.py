"""Callbacks for the end of a run and of a sweep: pictures and tables. matplotlib is imported when they draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: modules that draw_run imports
PRELOAD = (
    *("report.figures.curves", "report.diagnostics.trajectories", "report.diagnostics.reconstructions"),
    *("matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.ticker"),
)


def draw_run(folder: Path) -> None:
    """Draw curves.png, trajectory.png and reconstructions.png of a run, each where its folder has the data."""
    from report.diagnostics.reconstructions import draw_images
    from report.diagnostics.trajectories import run_trajectory
    from report.figures.curves import draw_curves
    from report.figures.drawing import draw

    draw_curves(folder)
    if panels := run_trajectory(folder):
        draw(panels, folder / "trajectory", formats=["png"])
    draw_images(folder)


def summarise_sweep(runs: Sequence[Path], folder: Path) -> str:
    """Draw comparison_<task>.png into a sweep's folder; return a table of the best settings for each task.

    A task none of whose settings is finished is left out.
    """
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
