"""Running the jobs of a sweep by the chosen launcher: one of this project's, or any of Hydra's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from results.lock import is_locked
from results.records import read_status
from results.status import is_finished
from runner.callbacks import Callbacks
from runner.config.schema import Settings
from runner.sweep.fetch import fetch_data
from runner.sweep.hydra_launchers import run_with_hydra_launcher
from runner.sweep.plan import Job
from runner.sweep.progress import SweepProgress
from runner.sweep.run_job import RUNNING_ELSEWHERE, run_sequentially
from runner.sweep.run_process import POLL_S
from runner.sweep.settings import check_joblib
from runner.sweep.table import SweepTable
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted, StopRequest

DEFAULT_BATCH = 8  # runs at a time of launchers that set no limit themselves


def check_launcher(launcher: Any) -> None:
    """ConfigError for settings of a launcher that can't be: `check` of this project's, and joblib's number of jobs."""
    if hasattr(launcher, "check"):
        launcher.check()
    elif is_joblib(launcher):
        check_joblib(launcher.joblib)


def launch(jobs: Sequence[Job], launcher: Any, table: SweepTable, callbacks: Callbacks) -> int:
    """Run all jobs and record each in the table as it ends; return 0, or 128 + the signal that stopped the sweep.

    A run that another process is at, as when two commands share runs, is left to it. At the end its result is taken
    or, where it has none, it is run here.
    """
    with StopRequest() as stop, SweepProgress(table):
        try:
            if on_this_machine(launcher):  # a cluster's machines may have data folders of their own
                with stop.raising():
                    jobs = fetch_data(jobs, table.record_end)
            code, elsewhere = run_jobs(jobs, launcher, table, callbacks)
            while elsewhere and code <= STOPPED_BY_SIGNAL:
                with stop.raising():
                    left, waiting = wait_for_others(elsewhere, table)
                code, elsewhere = run_jobs(left, launcher, table, callbacks)
                elsewhere += waiting
        except Interrupted as stopped:
            code = stopped.exit_code
    table.refresh()
    return code


def run_jobs(jobs: Sequence[Job], launcher: Any, table: SweepTable, callbacks: Callbacks) -> tuple[int, list[Job]]:
    """Run jobs; return 0 or 128 + the signal that stopped them, and the jobs that other processes are at.

    launcher: this project's have a method run_jobs(jobs, on_end, callbacks).
    """
    elsewhere: list[Job] = []

    def on_end(job: Job, code: int, error: str = "") -> None:
        if code == RUNNING_ELSEWHERE:
            elsewhere.append(job)
        else:
            table.record_end(job, code, error)

    code = 0
    if not jobs:
        pass
    elif hasattr(launcher, "run_jobs"):
        code = launcher.run_jobs(jobs, on_end, callbacks)
    elif is_basic(launcher):
        code = run_sequentially(jobs, on_end, callbacks)
    else:
        code = run_with_hydra_launcher(launcher, jobs, on_end, table.folder, callbacks)
    return code, elsewhere


def wait_for_others(jobs: Sequence[Job], table: SweepTable) -> tuple[list[Job], list[Job]]:
    """Wait until other processes have ended some of the jobs; record those that they have finished.

    Returns those that they have left unfinished, and those that they are still at.
    """
    runs = "1 run is" if len(jobs) == 1 else f"{len(jobs)} runs are"
    print_line(f"{runs} in progress in another process, such as {jobs[0].folder}; waiting for it.")
    left, waiting = [], list(jobs)
    while waiting and not left:
        time.sleep(POLL_S)
        for job in [job for job in waiting if not is_locked(job.folder)]:
            waiting.remove(job)
            if is_finished(read_status(job.folder), job.checked_config.task.metric):
                table.record_end(job, 0)
            else:
                left.append(job)
    return left, waiting


def on_this_machine(launcher: Any) -> bool:
    return hasattr(launcher, "run_jobs") or is_basic(launcher) or is_joblib(launcher)


def is_basic(launcher: Any) -> bool:
    """Whether it is Hydra's own, whose class Hydra makes anew for each command of a process."""
    return type(launcher).__name__ == "BasicLauncher"


def is_joblib(launcher: Any) -> bool:
    return type(launcher).__name__ == "JoblibLauncher"


def runs_at_a_time(launcher: Any, settings: Settings) -> int:
    """How many runs a launcher has in progress at a time; DEFAULT_BATCH where it sets no limit."""
    if is_basic(launcher):
        return 1
    if hasattr(launcher, "slots"):
        return len(launcher.slots(settings))
    if is_joblib(launcher):
        from joblib import effective_n_jobs  # installed with its launcher only

        return effective_n_jobs(launcher.joblib["n_jobs"])
    return DEFAULT_BATCH
