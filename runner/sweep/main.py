"""A sweep from its overrides to its results: expand the grid, plan the runs, run what is left, print the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results.paths import STATUS, SWEEP_TABLE
from results.values import first_line
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.config.errors import ConfigError
from runner.sweep.composer import Composer
from runner.sweep.grid import expand_grid
from runner.sweep.launch import check_launcher, launch
from runner.sweep.plan import REFUSED, REPEATED, RESUME, TODO, common_outputs, plan_jobs, plan_summary
from runner.sweep.table import SweepTable
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL


def run_sweep(
    overrides: list[str],
    config_loader: Any,
    sweep_config: Any,
    launcher: Any,
    grid: str | None = None,
    callbacks: Callbacks = NO_CALLBACKS,
) -> int:
    """Run every combination of the overrides that is not done yet; return the exit code.

    config_loader, sweep_config: Hydra's. launcher: any of Hydra's, or one of this project's; see launch. grid: a file
    of configs/sweep whose grids the overrides are multiplied with.
    """
    check_launcher(launcher)
    composer = Composer(config_loader, sweep_config)
    jobs = plan_jobs(expand_grid(overrides, composer.parser, grid), composer)
    valid = [job for job in jobs if job.state != REFUSED]
    if not valid:
        print_line(plan_summary(jobs))
        raise ConfigError("every run of this sweep is refused")
    table = SweepTable(jobs, common_outputs([job.checked_config for job in valid]), print_line)
    print_line(plan_summary(jobs))
    remaining = [job for job in valid if job.state in (TODO, RESUME)]
    code = launch(remaining, launcher, table, callbacks) if remaining else 0
    print_line(f"\n{table.as_text()}")
    print_summary([job.folder for job in valid if job.state != REPEATED], table.folder, callbacks)
    print_line(str(table.folder / SWEEP_TABLE))
    return code if code > STOPPED_BY_SIGNAL else table.exit_code()


def print_summary(runs: Sequence[Path], folder: Path, callbacks: Callbacks) -> None:
    """Call on_sweep_end for the runs that have begun. Its error is one line: the runs are done."""
    try:
        summary = callbacks.on_sweep_end([run for run in runs if (run / STATUS).exists()], folder)
    except Exception as error:
        summary = f"the comparison was not made: {type(error).__name__}: {first_line(error)}"
    if summary:
        print_line(summary)
