"""The table of a sweep: a line on the console for each run that ends, sweep.csv, and all runs at the end."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from results.files import write_atomic
from results.labels import label, optimizer_name, shown_keys, varying_keys
from results.lock import is_locked
from results.paths import LOG, STATUS, SWEEP_TABLE
from results.records import read_status
from results.signature import digest
from results.status import FINISHED, STOPPED, is_finished
from results.values import flat, format_metric
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.sweep.plan import REFUSED, RESUME, TODO, Job, common_outputs, run_count
from runner.sweep.remaining_time import RemainingTime, Trained, format_duration, remaining_time, seconds_an_epoch
from runner.train.signals import STOPPED_BY_SIGNAL

Row = dict[str, Any]


class SweepTable:
    """A row for each run of a sweep that is not refused.

    folder: where sweep.csv goes. print_line: takes the line of each run that ends.
    """

    def __init__(self, jobs: Sequence[Job], folder: Path, print_line: Callable[[str], Any]) -> None:
        self.jobs, self.print_line = [job for job in jobs if job.state != REFUSED], print_line
        self.has_refused = len(self.jobs) < len(jobs)
        self.rows = {job.number: read_row(job) for job in self.jobs}
        self.settings = {job.number: flat(job.checked_config.plain) for job in self.jobs}
        self.optimizers = {number: optimizer_name(each) for number, each in self.settings.items()}
        self.columns = setting_columns(self.settings.values())
        varying = varying_keys(self.settings.values())
        self.names = {
            number: f"{label(each, shown_keys(each, varying))} seed={each['seed']}"
            for number, each in self.settings.items()
        }
        self.folder = folder
        self.start = time.time()
        self.announcing = Lock()  # by this thread or that of the progress
        self.recorded: set[int] = set()  # numbers of the jobs that have ended in this command
        self.to_come: Sequence[Config] = ()  # of runs of a later stage, which are part of the time that is left
        self.rungs: dict[int, int] | None = None  # of halving: the rung at which a job was stopped; None: no halving
        self.begin([job for job in self.jobs if job.state in (TODO, RESUME)])
        self.write()

    def begin(self, to_run: Sequence[Job]) -> None:
        """Count these jobs, which are about to be run, and no others as the work that there is."""
        self.to_run = list(to_run)
        numbers = {job.number for job in to_run}
        self.before = seconds_an_epoch(
            self.trained(job, read_status(job.folder)) for job in self.jobs if job.number not in numbers
        )
        self.ended: dict[int, dict[str, Any]] = {}  # the status of those that have ended, by number
        self.most_at_a_time = 1  # that were in progress since
        self.is_announced = False

    @property
    def num_to_run(self) -> int:
        return len(self.to_run)

    def record_end(self, job: Job, code: int, error: str = "") -> None:
        """Record that a run has ended.

        code: its exit code, negative for the signal that killed it. error: why it could not start.
        """
        row = self.rows[job.number] = read_row(job)
        self.ended[job.number] = read_status(job.folder) or {}
        self.recorded.add(job.number)
        if code > STOPPED_BY_SIGNAL and row["status"] not in FINISHED:
            row["status"] = "interrupted"  # perhaps before it had a status
        if row["status"] not in (*FINISHED, "interrupted") and (code or row["status"] != STOPPED):
            row["status"] = "failed"
            row["error"] = error or (f"killed by signal {-code}" if code < 0 else row["error"])
        left = self.remaining(job) if code <= STOPPED_BY_SIGNAL and self.open_jobs() else None
        if left is not None:
            self.announce_duration(job)
        eta = f"; {left} to go" if left is not None else ""
        self.print_line(f"[{len(self.ended)}/{self.num_to_run}] {self.result_line(job, row)}{eta}")
        self.write()

    def open_jobs(self) -> list[Job]:
        """The jobs that are to be run and have not ended."""
        return [job for job in self.to_run if job.number not in self.ended]

    def running(self) -> list[tuple[Job, dict[str, Any]]]:
        """The runs that train, with their status; not those whose process was killed before this command."""
        found = []
        for job in self.open_jobs():
            status = read_status(job.folder)
            if status and status["status"] == "running" and (job.folder / STATUS).stat().st_mtime >= self.start:
                found.append((job, status))
        return found

    def announce_duration(self, ended: Job | None = None) -> None:
        """Once an epoch of each kind of run has ended, print how long the whole sweep takes; only once. ended: see
        remaining."""
        with self.announcing:
            if self.is_announced or (left := self.remaining(ended)) is None or left.is_least:
                return
            self.is_announced = True
            total = format_duration(time.time() - self.start + left.seconds)
            size = describe_size(self.to_run) + (f", then {len(self.to_come)} more" if self.to_come else "")
            self.print_line(f"{size}: about {total} on this device ({self.at_a_time()} at a time)")

    def at_a_time(self, now: int = 0) -> int:
        """How many runs are in progress at a time: the most that were seen, as the next of those that have ended
        together take a while to begin. now: those that are in progress."""
        self.most_at_a_time = max(self.most_at_a_time, now)
        return max(1, min(self.most_at_a_time, len(self.open_jobs()) + len(self.to_come)))

    def remaining(self, ended: Job | None = None) -> RemainingTime | None:
        """The time until all runs have ended, from what an epoch took in those that are run now, as many at a time as
        at_a_time says; None before the first epoch has ended. ended: the job that has just ended, counted too."""
        running = {job.number: status for job, status in self.running()}
        trained = [self.trained(job, self.ended.get(job.number) or running.get(job.number)) for job in self.to_run]
        left = [(config, config.last_epoch) for config in self.to_come]
        for job in self.open_jobs():
            config, status = job.checked_config, running.get(job.number)
            before = max(config.settings.first_epoch, self.rows[job.number]["epochs"])  # of branches
            done = status.get("epochs_done", 0) if status else before
            left.append((config, max(0, config.last_epoch - done)))
        at_a_time = self.at_a_time(len(running) + (ended is not None))
        return remaining_time(trained, left, at_a_time, self.before)

    @staticmethod
    def trained(job: Job, status: dict[str, Any] | None) -> Trained:
        """A run's seconds and epochs: both include those before an interruption, and neither the imports. Zero of
        both where no epoch has ended, as the seconds are then of a part of one."""
        if not status or not (epochs := status.get("epochs_done")):
            return job.checked_config, 0.0, 0
        return job.checked_config, (status.get("seconds") or {}).get("total") or 0.0, epochs

    def refresh(self) -> None:
        """Read the rows of runs that have not ended here: another process may be at them, or have been."""
        for job in self.jobs:
            if job.number not in self.recorded:
                row = self.rows[job.number] = read_row(job)
                if row["status"] == "running" and not is_locked(job.folder):  # its process was killed
                    row["status"] = "interrupted"
        self.write()

    def result_line(self, job: Job, row: Row) -> str:
        name = self.names[job.number]
        if row["status"] == "done":
            result = f"test {row['metric']} {format_metric(row['test_' + row['metric']])}"
            return f"{name}: {result}, {row['seconds']} s of training"
        if row["status"] == "failed":
            return f"{name}: {failure_text(row)}"
        if row["status"] == STOPPED:
            best = format_metric(row[f"best_{row['metric']}"])
            return f"{name}: epoch {row['epochs']}, validation {row['metric']} {best}"
        return f"{name}: {row['status']}{': ' + row['error'] if row['error'] else ''}"

    def write(self) -> None:
        """Write sweep.csv: a row a run, in the sweep's order, without times, so that a repeated sweep's is the same."""
        text = io.StringIO()
        columns = [
            *("run", "status", "epochs", *([] if self.rungs is None else ["stopped_at_rung"]), "optimizer"),
            *self.columns,
            *metric_columns(self.rows.values()),
            "folder",
        ]
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for job in self.jobs:
            values = {key: self.settings[job.number].get(key, "") for key in self.columns}
            values["optimizer"] = self.optimizers[job.number]
            values["stopped_at_rung"] = (self.rungs or {}).get(job.number, "")
            writer.writerow({"run": job.number, **values, **self.rows[job.number]})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / SWEEP_TABLE, text.getvalue().encode())
        except OSError as error:
            raise ConfigError(f"outputs: can't write {self.folder}: {error.strerror}") from None

    def exit_code(self) -> int:
        """0 if every run of the sweep has a result, or was stopped by halving; diverging is a result; else 1."""
        ended = FINISHED if self.rungs is None else (*FINISHED, STOPPED)
        return int(self.has_refused or any(row["status"] not in ended for row in self.rows.values()))

    def as_text(self) -> str:
        """The table for the console: run, status, epochs, best, test, seconds."""
        lines = [("run", "status", "epochs", "best", "test", "s (training)")]
        for job in self.jobs:
            row, name = self.rows[job.number], self.names[job.number]
            best, test = (format_metric(row.get(f"{which}_{row['metric']}", "")) for which in ("best", "test"))
            lines.append((name, row["status"], str(row["epochs"]), best, test, row["seconds"]))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )


def read_row(job: Job) -> Row:
    """The row of a run, from its folder."""
    status = read_status(job.folder) or {}
    metric = job.checked_config.task.metric
    row: Row = {"status": status.get("status", "to do"), "epochs": status.get("epochs_done", 0), "metric": metric}
    if row["status"] in FINISHED and not is_finished(status, metric):
        row["status"] = "failed"
    for which in ("best", "final", "test"):
        for key, value in (status.get(which) or {}).items():
            row[f"{which}_{key}"] = value
    row["error"] = (status.get("diverged") or {}).get("what") or status.get("error") or ""
    row["seconds"] = f"{(status.get('seconds') or {}).get('train') or 0.0:.1f}"
    row["folder"] = str(job.folder)
    return row


def failure_text(row: Row) -> str:
    """What ended a failed run, and where its traceback is."""
    text, log = f"failed: {row['error']}" if row["error"] else "failed", Path(row["folder"], LOG)
    return f"{text}; see {log}" if row["folder"] and log.is_file() else text


def metric_columns(rows: Iterable[Row]) -> list[str]:
    """The columns of results, in an order that does not depend on which runs have ended."""
    metrics = sorted({row["metric"] for row in rows})
    columns = [f"{which}_{key}" for which in ("best", "final", "test") for key in ("loss", *metrics)]
    return ["best_epoch", *columns, "error"]


def setting_columns(runs: Iterable[dict[str, Any]]) -> list[str]:
    """The settings in which the runs differ, and always the task, the optimizer, its learning rate and the seed."""
    return list(dict.fromkeys(["task.name", "optim.name", "optim.lr", *varying_keys(runs), "seed"]))


def describe_size(jobs: Sequence[Job]) -> str:
    """`75 runs of 10 epochs`; `75 runs to epoch 3` where they pause there."""
    if last := sorted({job.checked_config.last_epoch for job in jobs if job.checked_config.pause}):
        return f"{run_count(jobs)} to epoch {' or '.join(map(str, last))}"
    epochs = sorted({job.checked_config.settings.epochs_to_train for job in jobs})
    number = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    return f"{run_count(jobs)} of {number} epoch{'' if epochs == [1] else 's'}"


def sweep_folder(jobs: Sequence[Job]) -> Path:
    """outputs/sweeps/<eight hexadecimal digits of the set of runs>: the same command again finds its sweep's folder.

    jobs: those that are not refused.
    """
    name = digest("\n".join(sorted(str(job.folder) for job in jobs)))
    return common_outputs([job.checked_config for job in jobs]) / "sweeps" / name
