"""A sweep: expand its grid, plan its runs, print the plan, run what is left, and print the results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results.paths import STATUS, SWEEP_TABLE
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.config.errors import ConfigError
from runner.sweep.composer import Composer
from runner.sweep.grid import expand
from runner.sweep.plan import REFUSED, REPEATED, RESUME, TODO, Job, plan, summary
from runner.sweep.run_job import run_sequentially
from runner.sweep.table import SweepTable
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL


def sweep(
    words: list[str],
    loader: Any,
    master: Any,
    launcher: Any,
    grid: str | None = None,
    callbacks: Callbacks = NO_CALLBACKS,
) -> int:
    """Run every combination that `words` name and that is not done yet; return the exit code.

    grid: a file of configs/sweep to multiply them with. launcher: one of this project's, with a method
    run_jobs(jobs, on_end, callbacks), or any of Hydra's.
    """
    composer = Composer(loader, master)
    jobs = plan(expand(words, composer.parser, grid), composer)
    valid = [job for job in jobs if job.state != REFUSED]
    if not valid:
        print_line(summary(jobs))
        raise ConfigError("no run of this sweep can be")
    table = SweepTable(jobs, outputs_of(valid), print_line)
    print_line(summary(jobs))
    left = [job for job in valid if job.state in (TODO, RESUME)]
    code = launch(left, launcher, table, callbacks) if left else 0
    print_line(f"\n{table.table()}")
    runs = [job.folder for job in valid if job.state != REPEATED and (job.folder / STATUS).exists()]
    if summary_text := callbacks.on_sweep_end(runs, table.folder):
        print_line(summary_text)
    print_line(str(table.folder / SWEEP_TABLE))
    return code if code > STOPPED_BY_SIGNAL else table.code()


def launch(jobs: Sequence[Job], launcher: Any, table: SweepTable, callbacks: Callbacks) -> int:
    if hasattr(launcher, "run_jobs"):
        return launcher.run_jobs(jobs, table.end, callbacks)
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher

    if isinstance(launcher, BasicLauncher):
        return run_sequentially(jobs, table.end, callbacks)
    from runner.sweep.hydra_launchers import run_by

    return run_by(launcher, jobs, table.end, table.folder, callbacks)


def outputs_of(jobs: Sequence[Job]) -> Path:
    """Where the sweep's own folder goes: the runs' common root of results."""
    roots = [os.path.abspath(os.path.expanduser(job.config.settings.outputs)) for job in jobs if job.config]
    common = Path(os.path.commonpath(roots))
    try:
        return common.relative_to(Path.cwd())
    except ValueError:
        return common
