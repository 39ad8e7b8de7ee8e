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
from runner.sweep.grid import expand_grid, paper_experiments
from runner.sweep.halving_sweep import HalvingSweep
from runner.sweep.launch import check_launcher, launch
from runner.sweep.plan import (
    REFUSED,
    REPEATED,
    RESUME,
    TODO,
    Job,
    plan_jobs,
    plan_summary,
    with_stopped,
)
from runner.sweep.settings import HalvingSettings
from runner.sweep.table import SweepTable, sweep_folder
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL


def run_sweep(
    overrides: list[str],
    config_loader: Any,
    sweep_config: Any,
    launcher: Any,
    grid: str | None = None,
    budget_s: float | None = None,
    callbacks: Callbacks = NO_CALLBACKS,
    halving: HalvingSettings | None = None,
) -> int:
    """Run every combination of the overrides that is not done yet; return the exit code.

    config_loader, sweep_config: Hydra's. launcher: any of Hydra's, or one of this project's; see launch. grid: a file
    of configs/sweep whose grids the overrides are multiplied with. budget_s: shrink the sweep to about so many seconds.
    halving: stop bad settings early.
    """
    if halving and budget_s is not None:
        raise ConfigError("--budget estimates runs of full length, and sweep.halving stops some; leave one of them out")
    check_launcher(launcher)
    composer = Composer(config_loader, sweep_config)
    jobs = plan_jobs(expand_grid(overrides, composer.parser, grid), composer)
    if budget_s is not None and (words := shrink_words(jobs, launcher, budget_s)):
        overrides = replaced(overrides, words)
        jobs = plan_jobs(expand_grid(overrides, composer.parser, grid), composer)
    valid = [job for job in jobs if job.state != REFUSED]
    if not valid:
        print_line(plan_summary(jobs))
        raise ConfigError("every run of this sweep is refused")
    halved = HalvingSweep([job for job in valid if job.state != REPEATED], halving, print_line) if halving else None
    table = SweepTable(jobs, sweep_folder(valid), print_line)
    print_line(plan_summary(with_stopped(jobs) if halving else jobs))
    if halved:
        code = halved.run(launcher, table, callbacks)
        print_line(f"\n{table.as_text()}\n{halved.summary()}")
    else:
        remaining = [job for job in valid if job.state in (TODO, RESUME)]
        code = launch(remaining, launcher, table, callbacks) if remaining else 0
        print_line(f"\n{table.as_text()}")
    runs = [job.folder for job in valid if job.state != REPEATED]
    print_summary(runs, table.folder, paper_experiments(overrides, composer.parser, grid), callbacks)
    print_line(str(table.folder / SWEEP_TABLE))
    return code if code > STOPPED_BY_SIGNAL else table.exit_code()


def shrink_words(jobs: Sequence[Job], launcher: Any, budget_s: float) -> list[str]:
    """The words of --budget, if the sweep has runs; see budget.shrink."""
    if all(job.state == REFUSED for job in jobs):
        return []
    from runner.sweep.budget import shrink

    return shrink(jobs, launcher, budget_s, print_line)


def replaced(overrides: Sequence[str], words: Sequence[str]) -> list[str]:
    """Overrides with values (`key=value`) in place of those of the same keys."""
    keys = {word.partition("=")[0] for word in words}
    kept = [each for each in overrides if each.partition("=")[0].lstrip("+") not in keys]
    return [*kept, *(f"++{word}" for word in words)]


def print_summary(runs: Sequence[Path], folder: Path, experiments: Sequence[str], callbacks: Callbacks) -> None:
    """Call on_sweep_end for the runs that have begun. Its error is one line: the runs are done."""
    try:
        begun = [run for run in runs if (run / STATUS).exists()]
        summary = callbacks.on_sweep_end(begun, folder, experiments)
    except Exception as error:
        summary = f"the comparison was not made: {type(error).__name__}: {first_line(error)}"
    if summary:
        print_line(summary)
