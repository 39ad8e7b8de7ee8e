"""Time to a target: epochs, steps and seconds until validation first reaches it.

Time to target is what Dahl et al. ("Benchmarking Neural Network Training Algorithms", 2023, section 4) compare. Here a
run has reached it at the end of the first epoch whose validation is at least as good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from report.selection import setting_names
from report.tables.best import of_one_task
from report.tables.table import Table
from report.tables.text import ABSENT, Spread, number, scale
from results.run import Run
from results.settings import Setting, best

CENSORED = (
    "k of n: only so many seeds reached the target, and the mean is theirs; the others would have needed more than "
    "they were given, so that the mean of all is larger"
)


@dataclass(frozen=True)
class Reached:
    """When a run first reached the target. seconds: of training, without evaluation; None: not recorded."""

    epochs: int
    steps: int
    seconds: float | None


def reached(run: Run, target: float) -> Reached | None:
    """When a run's validation first was as good as the target; None if it never was."""
    largest = run.status["better"] == "max"
    for row in run.rows:
        value = row.get(run.metric)
        if row.get("split") != "val" or value is None:
            continue
        if value >= target if largest else value <= target:
            spent = {timing["epoch"]: timing.get("train_s") for timing in run.timings}
            return Reached(row["epoch"], row["step"], spent.get(row["epoch"]))
    return None


def common_target(chosen: Iterable[Setting]) -> float:
    """The worst of the settings' best validation means: the best target that all reach on average."""
    every = list(chosen)
    worst = min if every[0].runs[0].status["better"] == "max" else max
    return worst(setting.mean() for setting in every)


def targets_table(settings: Iterable[Setting], target: float | None = None, percent: bool = False) -> Table:
    """A row an optimizer, at its best setting: epochs, steps and seconds to the target.

    target: a value of the metric, as recorded (fractions, not percent); by default that of common_target. Raises
    ValueError if no optimizer has a finished setting.
    """
    every = of_one_task(settings)
    task = every[0].runs[0].task
    chosen = [group[0] for group in best(every).values()]
    if not chosen:
        raise ValueError(f"{task}: no setting is finished, so none can have reached a target")
    why = ""
    if target is None:
        target, why = common_target(chosen), ", the worst of the optimizers' best means"
    names = setting_names(chosen, every)
    rows = [[name, *to_target(setting, target)] for name, setting in zip(names, chosen, strict=True)]
    metric, factor = scale(chosen[0].metric, percent)
    sign = "≥" if chosen[0].runs[0].status["better"] == "max" else "≤"
    title = f"{task}: until validation {metric} {sign} {number(factor * target)}{why}"
    columns = ["best setting", "reached", "epochs", "steps", "seconds of training"]
    notes = ["Means ± standard deviations (n - 1) over seeds; to the epoch's end, seconds without evaluation."]
    if any(" (" in row[3] for row in rows):
        notes.append(f"{CENSORED}.")
    return Table(title, columns, rows, notes)


def to_target(setting: Setting, target: float) -> list[str]:
    """The number of runs that reached it, and their epochs, steps and seconds."""
    found = [when for run in setting.runs if (when := reached(run, target))]
    all_of_them = f"{len(found)} of {len(setting.runs)}"
    after = "" if len(found) == len(setting.runs) else f" ({all_of_them})"
    epochs, steps = [when.epochs for when in found], [when.steps for when in found]
    seconds = [when.seconds for when in found if when.seconds is not None]
    complete = len(seconds) == len(found)
    return [all_of_them, cell(epochs, after), cell(steps, after), cell(seconds if complete else [], after)]


def cell(values: Sequence[float], after: str) -> str:
    return Spread(values, after=after) if values else ABSENT
