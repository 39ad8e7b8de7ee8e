"""Runs as pandas frames, for those who want to look further than the report does.

runs: a row a run. Columns: folder task optimizer setting signature seed status epochs_done metric better, the metric's
values val_best (and its best_epoch), val_final, test (with the best weights), test_final (with the last ones), seconds
(of training), seconds_eval, seconds_total, seconds_optimizer, device, device_name, commit, uncommitted, torch, and a
column for optim.lr and each other key of the configuration that differs between the runs that have it. `setting` is the
run's label among these runs: equal for runs that differ in their seed only, different for all others, so that
groupby("setting") averages over seeds and nothing else.
epochs: a row for each run, epoch and split (train, val) with step, loss, the metrics, lr, and seconds: of training
since the run's start. steps: the per-step rows in the same way, with what `track=true` recorded. Both begin with the
run's folder, task, optimizer, setting, signature and seed. skipped: folder and reason.
What a run does not have is missing (NaN, None).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from results.filters import select
from results.find import find
from results.run import Run
from results.run_labels import labels
from results.values import format_value, varying_keys

if TYPE_CHECKING:
    from pandas import DataFrame

IDENTITY = ("folder", "task", "optimizer", "setting", "signature", "seed")
RESULTS = ("val_best", "best_epoch", "val_final", "test", "test_final")
SECONDS = ("seconds", "seconds_eval", "seconds_total", "seconds_optimizer")
ORIGINS = ("device", "device_name", "commit", "uncommitted", "torch")
COLUMNS = (*IDENTITY, "status", "epochs_done", "metric", "better", *RESULTS, *SECONDS, *ORIGINS)
#: keys that have a column by another name, or do not describe the run
NOT_COLUMNS = ("task.name", "optim.name", "seed", "device", "outputs", "rerun", "data.root")


class Frames(NamedTuple):
    runs: DataFrame
    epochs: DataFrame
    steps: DataFrame
    skipped: DataFrame


def load_frames(*paths: Path | str, where: Sequence[str] = ()) -> Frames:
    """The frames of the runs below these folders; `results.load` is its public name."""
    import pandas

    found = find(*paths)
    runs = select(found.runs, where)
    entries = [(str(entry.folder), entry.reason) for entry in found.skipped]
    skipped = pandas.DataFrame(entries, columns=["folder", "reason"])
    table = runs_frame(runs)
    return Frames(table, epochs_frame(runs, table), steps_frame(runs, table), skipped)


def runs_frame(runs: Sequence[Run]) -> DataFrame:
    import pandas

    keys = setting_columns(runs)
    rows = [
        {**facts(run), "setting": name, **{key: cell(run.settings.get(key)) for key in keys}}
        for run, name in zip(runs, labels(runs), strict=True)
    ]
    frame = pandas.DataFrame(rows, columns=[*COLUMNS, *keys])
    return frame.astype(dict.fromkeys((*RESULTS, *SECONDS), float))  # also where every run lacks one


def facts(run: Run) -> dict[str, Any]:
    """The columns that every run has."""
    status, environment = run.status, run.environment
    git, packages = (environment.get(key) or {} for key in ("git", "packages"))
    seconds = status.get("seconds") or {}

    def value(which: str, key: str = run.metric) -> Any:
        return (status.get(which) or {}).get(key)

    who = (str(run.folder), run.task, run.optimizer, None, run.signature, run.seed)
    stand = (run.ending, status.get("epochs_done"), run.metric, status.get("better"))
    results = (value("best"), value("best", "epoch"), value("final"), value("test"), value("test_last"))
    clocks = (seconds.get(kind) for kind in ("train", "eval", "total", "optimizer"))
    machine = (environment.get("device"), environment.get("device_name"))
    code = (git.get("commit"), git.get("dirty"), packages.get("torch"))
    return dict(zip(COLUMNS, (*who, *stand, *results, *clocks, *machine, *code), strict=True))


def setting_columns(runs: Iterable[Run]) -> list[str]:
    """optim.lr, and the other keys that differ between the runs that have them."""
    varying = varying_keys(run.settings for run in runs)
    return ["optim.lr", *(key for key in varying if key not in ("optim.lr", *NOT_COLUMNS))]


def cell(value: Any) -> Any:
    """Lists as text, so that a column can be grouped by."""
    return format_value(value) if isinstance(value, list | dict) else value


def epochs_frame(runs: Sequence[Run], table: DataFrame) -> DataFrame:
    """A row for each run, epoch and split. table: the runs' own frame."""
    rows = [[row for row in run.rows if row.get("per") == "epoch"] for run in runs]
    frame = long_frame(rows, table, ["split", "epoch", "step", "loss"])
    clocks = [{row["epoch"]: row.get("train_s") for row in run.timings} for run in runs]
    seconds = [clock.get(row["epoch"]) for clock, own in zip(clocks, rows, strict=True) for row in own]
    frame["seconds"] = seconds if seconds else None
    return frame


def steps_frame(runs: Sequence[Run], table: DataFrame) -> DataFrame:
    """A row for each per-step row of each run."""
    rows = [[row for row in run.rows if row.get("per") == "step"] for run in runs]
    return long_frame(rows, table, ["split", "epoch", "step", "loss"])


def long_frame(rows: Sequence[Sequence[dict[str, Any]]], table: DataFrame, first: list[str]) -> DataFrame:
    """Rows of all runs below each other, each beside who made it; first: the columns that come first, and always."""
    import numpy
    import pandas

    values = pandas.DataFrame([row for own in rows for row in own]).drop(columns="per", errors="ignore")
    values = values.reindex(columns=list(dict.fromkeys([*first, *values.columns])))
    who = table[list(IDENTITY)].take(numpy.repeat(numpy.arange(len(rows)), [len(own) for own in rows]))
    return pandas.concat([who.reset_index(drop=True), values], axis=1)
