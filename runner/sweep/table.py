"""The table of a sweep: a line on the console for each run that ends, sweep.csv, and the whole at the end."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from results.files import read_json, write_atomic
from results.paths import LOG, STATUS, SWEEP_TABLE
from results.signature import digest
from results.status import FINISHED, is_finished
from results.values import flat, format_value, varying_keys
from runner.config.errors import ConfigError
from runner.sweep.plan import DONE, REFUSED, Job

Row = dict[str, Any]


class SweepTable:
    """A row for each run of a sweep. print_line: for the line of each run that ends. name: of the sweep's folder."""

    def __init__(self, jobs: Sequence[Job], outputs: Path, print_line: Callable[[str], Any], name: str = "") -> None:
        self.jobs, self.print_line = [job for job in jobs if job.state != REFUSED], print_line
        self.refused = len(jobs) - len(self.jobs)
        self.rows = {job.number: row_of(job) for job in self.jobs}
        self.open = [job for job in self.jobs if job.state != DONE]
        self.settings = {job.number: flat(job.config.plain) for job in self.jobs if job.config}
        self.varying = setting_columns(self.settings.values())
        self.folder = outputs / "sweeps" / (name or sweep_name(self.jobs))
        self.ended, self.started = 0, time.monotonic()
        self.write()

    def end(self, job: Job, code: int, error: str = "") -> None:
        """Record that a run has ended. code: its exit code, negative for the signal that killed it. error: why it could
        not start."""
        row = self.rows[job.number] = row_of(job)
        self.ended += 1
        if row["status"] not in (*FINISHED, "interrupted"):
            row["status"] = "failed"
            row["error"] = error or (f"killed by signal {-code}" if code < 0 else "")
        left = len(self.open) - self.ended
        rest = f"; about {brief_time((time.monotonic() - self.started) / self.ended * left)} to go" if left else ""
        self.print_line(f"[{self.ended}/{len(self.open)}] {self.result_line(job, row)}{rest}")
        self.write()

    def result_line(self, job: Job, row: Row) -> str:
        what = setting_text(self.settings[job.number], self.varying)
        if row["status"] == "done":
            return f"{what}: test {row['metric']} {number(row['test_' + row['metric']])}, {row['seconds']} s"
        log = f"; see {job.folder / LOG}" if row["status"] == "failed" else ""
        return f"{what}: {row['status']}{': ' + row['error'] if row['error'] else log}"

    def write(self) -> None:
        """sweep.csv: a row a run, in the sweep's order; no clock in it, so that a repeated sweep's is the same."""
        text = io.StringIO()
        keys = [*("run", "status", "epochs"), *self.varying, *metric_keys(self.rows.values()), "folder"]
        writer = csv.DictWriter(text, keys, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for job in self.jobs:
            values = {key: self.settings[job.number].get(key, "") for key in self.varying}
            writer.writerow({"run": job.number, **values, **self.rows[job.number]})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / SWEEP_TABLE, text.getvalue().encode())
        except OSError as error:
            raise ConfigError(f"outputs: can't write {self.folder}: {error.strerror}") from None

    def code(self) -> int:
        """0 if every run ended with a result, a diverged one included; else 1."""
        return int(self.refused > 0 or any(row["status"] not in FINISHED for row in self.rows.values()))

    def table(self) -> str:
        """run, status, epochs, best, test, seconds: a line a run."""
        lines = [("run", "status", "epochs", "best", "test", "seconds")]
        for job in self.jobs:
            row = self.rows[job.number]
            best, test = (row.get(f"{which}_{row['metric']}", "") for which in ("best", "test"))
            lines.append(
                (
                    setting_text(self.settings[job.number], self.varying),
                    row["status"],
                    str(row["epochs"]),
                    number(best),
                    number(test),
                    row["seconds"],
                )
            )
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return "\n".join(
            "  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip() for line in lines
        )


def row_of(job: Job) -> Row:
    """The row of a run, read from its folder."""
    config = job.config
    assert config is not None
    status = read_json(job.folder / STATUS) or {}
    metric = config.task.metric
    row: Row = {"status": status.get("status", "to do"), "epochs": status.get("epochs_done", 0), "metric": metric}
    if row["status"] in FINISHED and not is_finished(status, metric):
        row["status"] = "failed"
    for which in ("best", "final", "test"):
        for key, value in (status.get(which) or {}).items():
            row[f"{which}_{key}"] = value
    row["error"] = (status.get("diverged") or {}).get("what", "")
    row["seconds"] = f"{(status.get('seconds') or {}).get('train', 0.0):.1f}"
    row["folder"] = str(job.folder)
    return row


def metric_keys(rows: Any) -> list[str]:
    """The columns of results, in a fixed order whatever has run."""
    metrics = sorted({row["metric"] for row in rows})
    keys = [f"{which}_{key}" for which in ("best", "final", "test") for key in ("loss", *metrics)]
    return ["best_epoch", *keys, "error"]


def setting_columns(runs: Iterable[dict[str, Any]]) -> list[str]:
    """The settings in which the runs differ, and always the task, the optimizer, its learning rate and the seed."""
    return list(dict.fromkeys(["task.name", "optim.name", "optim.lr", *varying_keys(runs, per_optimizer=True), "seed"]))


def setting_text(settings: dict[str, Any], keys: Sequence[str]) -> str:
    """`digits adam lr=0.01 seed=0`: a run by the values of its columns."""
    shown = [key for key in keys[2:] if settings.get(key) is not None]
    parts = [f"{key.removeprefix('optim.')}={format_value(settings[key])}" for key in shown]
    return " ".join([settings["task.name"], settings["optim.name"], *parts])


def number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def brief_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def sweep_name(jobs: Sequence[Job]) -> str:
    """Eight hexadecimal digits of the set of runs: the same command again finds its sweep's folder."""
    return digest("\n".join(sorted(str(job.folder) for job in jobs)))
