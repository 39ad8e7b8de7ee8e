"""Where the runs of a suite come from: versions and code that differ, and whether times can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from report.suite.gather import Compared, all_runs
from report.warnings import names_text
from results.run import Run

#: of environment.json: what has to be equal for times to be comparable
MACHINE = ("device_name", "threads", "processes")


def origin_notes(compared: Compared) -> list[str]:
    """Sentences on versions and code: between a command's runs and the recorded ones, or among the recorded."""
    ours, theirs = all_runs(compared.own), all_runs(compared.recorded)
    found = []
    if ours and theirs:
        if (mine := versions(ours)) != (recorded := versions(theirs)):
            found.append(f"The recorded runs are by torch {' and '.join(recorded)}, yours by {' and '.join(mine)}.")
        if changed := changed_code(compared):
            files = sorted({file for each in changed.values() for file in each})
            found.append(
                f"The recorded runs of {names_text([*changed])} are by other code than yours ({names_text(files)}); "
                "they are compared all the same."
            )
    elif len(several := versions(ours or theirs)) > 1:
        found.append(f"The runs are by torch {' and '.join(several)}.")
    return found


def versions(runs: Iterable[Run]) -> list[str]:
    return sorted({torch_of(run) for run in runs})


def torch_of(run: Run) -> str:
    return str((run.environment.get("packages") or {}).get("torch") or "of an unknown version")


def changed_code(compared: Compared) -> dict[str, set[str]]:
    """By task the source files that a command's runs and the recorded ones both used, in other versions."""
    found = {}
    for task in compared.suite.tasks:
        sides = [hashes(compared.own.get(task, {})), hashes(compared.recorded.get(task, {}))]
        both = sides[0].keys() & sides[1].keys()
        if files := {file for file in both if sides[0][file] != sides[1][file]}:
            found[task] = files
    return found


def hashes(by_optimizer: Mapping[str, Iterable[Run]]) -> dict[str, set[str]]:
    """By source file the hashes that it had."""
    found: dict[str, set[str]] = {}
    for runs in by_optimizer.values():
        for run in runs:
            for file, code in run.code.items():
                found.setdefault(file, set()).add(code)
    return found


def timed(compared: Compared) -> tuple[dict[str, dict[str, list[Run]]], str]:
    """By task and optimizer the runs whose seconds can be compared, and why others' can't; empty: all can.

    Those on the machine, with the threads, processes and version of torch of a command's runs, or of the most recorded
    ones; runs in a stack share their time and have none of their own.
    """
    runs = {task: compared.runs_of(task) for task in compared.suite.tasks}
    every = all_runs(runs)
    alone = [run for run in every if not run.environment.get("stacked")]
    if not alone:
        return {}, "Times are not compared: runs in a stack have none of their own."
    counted = [place_of(run) for run in (run for run in all_runs(compared.own) or every if run in set(alone))]
    if not counted:
        return {}, "Times are not compared: your runs were in a stack, and have none of their own."
    reference = max(counted, key=counted.count)
    kept = {
        task: {
            optimizer: own
            for optimizer, own in by_optimizer.items()
            if all(not run.environment.get("stacked") and place_of(run) == reference for run in own)
        }
        for task, by_optimizer in runs.items()
    }
    compared_ones = {optimizer for by_optimizer in kept.values() for optimizer in by_optimizer}
    if len(compared_ones) < 2:
        return {}, "Times are not compared: the runs are of different machines, threads or versions, or in a stack."
    others = [optimizer for optimizer in compared.optimizers if optimizer not in compared_ones]
    why = "are of another machine, threads or version of torch, or in a stack"
    return kept, f"Times of {names_text(others)} are left out: they {why}." if others else ""


def place_of(run: Run) -> tuple[object, ...]:
    return (*(run.environment.get(key) for key in MACHINE), torch_of(run))


def mean_seconds(runs: Sequence[Run]) -> float | None:
    """Of training, over the runs that were timed to their end."""
    found = [
        seconds for run in runs if run.ending == "done" and (seconds := (run.status.get("seconds") or {}).get("train"))
    ]
    return sum(found) / len(found) if found else None
