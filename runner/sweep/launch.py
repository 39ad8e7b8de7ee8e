"""Running the jobs of a sweep by the chosen launcher: one of this project's, or any of Hydra's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher

from runner.callbacks import Callbacks
from runner.config.schema import Settings
from runner.sweep.fetch import fetch_data
from runner.sweep.hydra_launchers import run_with_hydra_launcher
from runner.sweep.plan import Job
from runner.sweep.run_job import run_sequentially
from runner.sweep.table import SweepTable

DEFAULT_BATCH = 8  # runs at a time of launchers that set no limit themselves


def launch(jobs: Sequence[Job], launcher: Any, table: SweepTable, callbacks: Callbacks) -> int:
    """Run all jobs and record each in the table as it ends; return 0, or 128 + the signal that stopped the sweep.

    launcher: this project's have a method run_jobs(jobs, on_end, callbacks).
    """
    if on_this_machine(launcher):  # a cluster's machines may have data folders of their own
        jobs = fetch_data(jobs, table.record_end)
        if not jobs:
            return 0
    if hasattr(launcher, "run_jobs"):
        return launcher.run_jobs(jobs, table.record_end, callbacks)
    if isinstance(launcher, BasicLauncher):
        return run_sequentially(jobs, table.record_end, callbacks)
    return run_with_hydra_launcher(launcher, jobs, table.record_end, table.folder, callbacks)


def on_this_machine(launcher: Any) -> bool:
    return hasattr(launcher, "run_jobs") or isinstance(launcher, BasicLauncher) or is_joblib(launcher)


def is_joblib(launcher: Any) -> bool:
    return type(launcher).__name__ == "JoblibLauncher"


def runs_at_a_time(launcher: Any, settings: Settings) -> int:
    """How many runs a launcher has in progress at a time; DEFAULT_BATCH where it sets no limit."""
    if isinstance(launcher, BasicLauncher):
        return 1
    if hasattr(launcher, "slots"):
        return len(launcher.slots(settings))
    if is_joblib(launcher):
        from joblib import effective_n_jobs  # installed with its launcher only

        return effective_n_jobs(launcher.joblib["n_jobs"])
    return DEFAULT_BATCH
