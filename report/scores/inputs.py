"""Runs, from folders or from committed records, as the trials and search spaces that the scores take.

found = find("outputs/quick", Path("docs/results/records/suite/quick.jsonl"))
trials_of(found.runs)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from optim.search_range import SearchRange, Space
from report.comparable import comparable_groups
from report.scores.data import Task, Trial
from results.run import Run
from results.run_labels import labels
from results.suite_runs import Manifest
from results.values import is_number

SEARCHED = ("optim.", "wrap.", "groups.")


Spaces = Mapping[str, Space]  # by optimizer


def trials_of(runs: Iterable[Run], task_of: Callable[[Run], str] | None = None) -> list[Trial]:
    """A trial a run, in the runs' order; unfinished ones too, by their ending.

    task_of: the name of a run's task; by default that of its group in reports (report/comparable.py), which tells data
    sets, networks and lengths apart.
    """
    every = list(runs)
    if task_of is None:
        names = {id(run): group.name for group in comparable_groups(every) for run in group.runs}
        return [trial_of(run, names[id(run)], label) for run, label in zip(every, labels(every), strict=True)]
    return [trial_of(run, task_of(run), label) for run, label in zip(every, labels(every), strict=True)]


def trial_of(run: Run, task: str, label: str) -> Trial:
    """One run. label: shared by the runs that differ in their seed only."""
    results = {which: (run.status.get(which) or {}).get(run.metric) for which in ("best", "final", "test")}
    validated = [row for row in run.rows if row.get("split") == "val" and run.metric in row]
    return Trial(
        task,
        run.optimizer,
        label,
        run.seed,
        searched_numbers(run),
        {which: value for which, value in results.items() if value is not None},
        tuple((row["step"], row[run.metric]) for row in validated),
        tuple((row["step"], row["lr"]) for row in validated if "lr" in row),
        run.status.get("epochs_done") or 0,
        (run.status.get("seconds") or {}).get("train"),
        run.ending,
    )


def searched_numbers(run: Run) -> dict[str, float]:
    """The numbers of the optimizer, its wrappers and groups by dotted keys, those of lists by place: optim.betas[0]."""
    found: dict[str, float] = {}
    for key, value in run.settings.items():
        if key.startswith(SEARCHED):
            entries: Mapping[str, Any] = {key: value}
            if isinstance(value, list):
                entries = {f"{key}[{i}]": each for i, each in enumerate(value)}
            found |= {name: float(each) for name, each in entries.items() if is_number(each)}
    return found


def tasks_of(runs: Iterable[Run]) -> list[Task]:
    """A task, without a target, for each group of runs that a report compares."""
    return [Task(group.name, group.runs[0].status["better"]) for group in comparable_groups(runs)]


def declared_spaces(manifest: Manifest) -> dict[str, Space]:
    """By optimizer the search space that a suite's manifest has. ValueError for a range that is none."""
    return {
        optimizer: {key: SearchRange(each.low, each.high, each.scale) for key, each in space.items()}
        for optimizer, space in manifest.spaces.items()
    }


def spanned_spaces(trials: Iterable[Trial]) -> dict[str, Space]:
    """By optimizer the space that its trials span: from the smallest to the largest of each number that differs, on a
    log scale if all are above 0; for runs whose search space was not declared."""
    numbers: dict[str, dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    for trial in trials:
        for key, value in trial.numbers.items():
            numbers[trial.optimizer][key].add(value)
    return {
        optimizer: {key: spanned(sorted(values)) for key, values in own.items() if len(values) > 1}
        for optimizer, own in numbers.items()
    }


def spanned(values: Sequence[float]) -> SearchRange:
    """The range of values in rising order."""
    return SearchRange(values[0], values[-1], "log" if values[0] > 0 else "linear")
