"""A sweep from its overrides to its results: expand the grid, plan the runs, run what is left, print the table."""

from __future__ import annotations

from typing import Any

from results.paths import STATUS, SWEEP_TABLE
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.config.errors import ConfigError
from runner.sweep.composer import Composer
from runner.sweep.grid import expand_grid
from runner.sweep.launch import launch
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
    runs = [job.folder for job in valid if job.state != REPEATED and (job.folder / STATUS).exists()]
    if summary := callbacks.on_sweep_end(runs, table.folder):
        print_line(summary)
    print_line(str(table.folder / SWEEP_TABLE))
    return code if code > STOPPED_BY_SIGNAL else table.exit_code()
