"""What is known of a sweep's runs while it goes on: a line for each that ends, sweep.csv, and the table at the end."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from results.run_folder import RunFolder, write_whole
from runner.config.validate import ConfigError
from runner.loggers.run_info import flat
from runner.sweep.plan import DONE, REFUSED, Job
from runner.train.status import FINISHED, finished

Row = dict[str, Any]


class Ledger:
    """Keeps a row for each run; `say` tells the reader. name: of the sweep's folder."""

    def __init__(self, jobs: Sequence[Job], outputs: Path, say: Any, name: str = "") -> None:
        self.jobs, self.say = [job for job in jobs if job.state != REFUSED], say
        self.refused = len(jobs) - len(self.jobs)
        self.rows = {job.number: row_of(job) for job in self.jobs}
        self.open = [job for job in self.jobs if job.state != DONE]
        self.settings = {job.number: flat(job.config.plain) for job in self.jobs if job.config}
        self.varying = varying(self.settings.values())
        self.folder = outputs / "sweeps" / (name or name_of(self.jobs))
        self.ended, self.started = 0, time.monotonic()
        self.write()

    def end(self, job: Job, code: int, error: str = "") -> None:
        """Note that a run has ended; code: its exit code, negative for the signal that killed it. error: why it could
        not start."""
        row = self.rows[job.number] = row_of(job)
        self.ended += 1
        if row["status"] not in (*FINISHED, "interrupted"):
            row["status"] = "failed"
            row["error"] = error or (f"killed by signal {-code}" if code < 0 else "")
        left = len(self.open) - self.ended
        rest = f"; about {brief_time((time.monotonic() - self.started) / self.ended * left)} to go" if left else ""
        self.say(f"[{self.ended}/{len(self.open)}] {self.line_of(job, row)}{rest}")
        self.write()

    def line_of(self, job: Job, row: Row) -> str:
        what = setting(self.settings[job.number], self.varying)
        if row["status"] == "done":
            return f"{what}: test {row['metric']} {number(row['test_' + row['metric']])}, {row['seconds']} s"
        log = f"; see {job.folder / 'log.txt'}" if row["status"] == "failed" else ""
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
            write_whole(self.folder / "sweep.csv", text.getvalue().encode())
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
                    setting(self.settings[job.number], self.varying),
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
    """What a run's folder tells of it."""
    config = job.config
    assert config is not None
    status = RunFolder(job.folder).read_json("status.json") or {}
    metric = config.task.metric
    row: Row = {"status": status.get("status", "to do"), "epochs": status.get("epochs_done", 0), "metric": metric}
    if row["status"] in FINISHED and not finished(status, metric):
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


def varying(runs: Iterable[dict[str, Any]]) -> list[str]:
    """The settings in which the runs differ, and always the optimizer, its learning rate and the seed.

    Optimizers have each their own defaults: an optimizer's setting counts if it differs among runs of the same one.
    """
    seen: dict[str, set[str]] = {}
    for settings in runs:
        for key, value in settings.items():
            whose = settings["optim.name"] if key.startswith("optim.") else ""
            seen.setdefault(f"{whose}: {key}", set()).add(f"{value!r}")
    differ = [key.split(": ")[1] for key, values in seen.items() if len(values) > 1]
    return list(dict.fromkeys(["task.name", "optim.name", "optim.lr", *differ, "seed"]))


def setting(settings: dict[str, Any], keys: Sequence[str]) -> str:
    words = [f"{key.removeprefix('optim.')}={settings[key]}" for key in keys[3:] if settings.get(key) is not None]
    return " ".join([settings["task.name"], settings["optim.name"], f"lr={settings['optim.lr']:g}", *words])


def number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def brief_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def name_of(jobs: Sequence[Job]) -> str:
    """Eight hex digits of the set of runs: the same command again finds its sweep's folder."""
    folders = "\n".join(sorted(str(job.folder) for job in jobs))
    return hashlib.sha256(folders.encode()).hexdigest()[:8]
