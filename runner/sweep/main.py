"""The sweep as a whole: expand, plan, say what will be, run what is left, and show what came of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.config.validate import ConfigError
from runner.sweep.composer import Composer
from runner.sweep.grid import expand
from runner.sweep.plan import REFUSED, REPEATED, RESUME, TODO, Job, plan, summary
from runner.sweep.run_job import one_by_one
from runner.sweep.table import Ledger
from runner.train.run import tell
from runner.train.signals import STOPPED_BY_SIGNAL


def sweep(words: list[str], loader: Any, master: Any, launcher: Any, grid: str | None = None) -> int:
    """Run every combination that `words` name and that is not done yet; return the exit code.

    grid: a file of configs/sweep to multiply them with. launcher: ours, with run_jobs(jobs, ended), or any of Hydra's.
    """
    composer = Composer(loader, master)
    jobs = plan(expand(words, composer.parser, grid), composer)
    valid = [job for job in jobs if job.state != REFUSED]
    if not valid:
        tell(summary(jobs))
        raise ConfigError("no run of this sweep can be")
    ledger = Ledger(jobs, outputs_of(valid), tell)
    tell(summary(jobs))
    left = [job for job in valid if job.state in (TODO, RESUME)]
    code = launch(left, launcher, ledger) if left else 0
    tell(f"\n{ledger.table()}")
    compare(valid, ledger.folder)
    tell(str(ledger.folder / "sweep.csv"))
    return code if code > STOPPED_BY_SIGNAL else ledger.code()


def launch(jobs: Sequence[Job], launcher: Any, ledger: Ledger) -> int:
    if hasattr(launcher, "run_jobs"):
        return launcher.run_jobs(jobs, ledger.end)
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher

    if isinstance(launcher, BasicLauncher):
        return one_by_one(jobs, ledger.end)
    from runner.sweep.hydra_launchers import run_by

    return run_by(launcher, jobs, ledger.end, ledger.folder)


def outputs_of(jobs: Sequence[Job]) -> Path:
    """Where the sweep's own folder goes: the runs' common root of results."""
    roots = [os.path.abspath(os.path.expanduser(job.config.settings.outputs)) for job in jobs if job.config]
    common = Path(os.path.commonpath(roots))
    try:
        return common.relative_to(Path.cwd())
    except ValueError:
        return common


def compare(jobs: Sequence[Job], folder: Path) -> None:
    """A table with mean and deviation over seeds, and comparison_<task>.png, for each task."""
    from report.figures.comparison import comparison
    from report.figures.drawing import draw
    from report.tables.best import best_table
    from results.run import read
    from results.settings import settings

    runs = [read(job.folder) for job in jobs if job.state != REPEATED and (job.folder / "status.json").exists()]
    for task in sorted({run.task for run in runs}):
        tried = settings(run for run in runs if run.task == task)
        if any(setting.finished for setting in tried):
            tell(f"\n{task}, the best setting of each optimizer on validation:\n{best_table(tried).markdown()}")
            draw(comparison(tried), folder / f"comparison_{task}", formats=["png"])
