"""Callbacks for a run's end and a sweep's end, both picklable; matplotlib is imported when they draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


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


def summarise_sweep(folders: Sequence[Path], out: Path) -> str:
    """A table of each task's best settings, as text; draws comparison_<task>.png into `out`.

    folders: of the sweep's runs. A task none of whose settings is finished is left out.
    """
    from report.figures.comparison import comparison
    from report.figures.drawing import draw
    from report.tables.best import best_table
    from results.run import read
    from results.settings import settings

    runs = [read(folder) for folder in folders if (folder / "status.json").exists()]
    parts = []
    for task in sorted({run.task for run in runs}):
        tried = settings(run for run in runs if run.task == task)
        if any(setting.finished for setting in tried):
            parts.append(f"{task}, the best setting of each optimizer on validation:\n{best_table(tried).markdown()}")
            draw(comparison(tried), out / f"comparison_{task}", formats=["png"])
    return "\n\n".join(parts)
