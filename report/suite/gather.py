"""The runs of a suite that are compared: those of a command, and of other optimizers the recorded ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from report.scores.data import Task, Trial
from report.scores.inputs import Spaces, declared_spaces, trials_of
from report.warnings import names_text
from results.record_rows import rounded
from results.run import Run
from results.run_labels import code_of
from results.status import FINISHED, STOPPED
from results.suite import Suite, SuiteTask
from results.suite_runs import SuiteRuns

ENDED = (*FINISHED, STOPPED)
ByTask = dict[str, dict[str, list[Run]]]  # task, optimizer: runs


@dataclass(frozen=True)
class Compared:
    """What is compared. runs: by task and optimizer; own, recorded: the parts of them. spaces: by optimizer.

    mine: the optimizers that the reader asks about: those of the command's that no record has, or all of the command's
    if others are recorded; none where a command's runs are only among themselves, or there are none.
    warnings: what is left out, and why. notes: what has to be known of the rest.
    """

    name: str
    suite: Suite
    own: ByTask
    recorded: ByTask
    spaces: Spaces
    mine: tuple[str, ...]
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> list[Task]:
        """The suite's tasks on which there are runs."""
        return [scored_task(name, task) for name, task in self.suite.tasks.items() if self.runs_of(name)]

    def runs_of(self, task: str) -> dict[str, list[Run]]:
        """By optimizer, sorted by name."""
        found = {**self.recorded.get(task, {}), **self.own.get(task, {})}
        return dict(sorted(found.items()))

    @property
    def optimizers(self) -> list[str]:
        return sorted({optimizer for task in self.suite.tasks for optimizer in self.runs_of(task)})

    def trials(self) -> list[tuple[Trial, Run]]:
        """All runs, with as many digits as records have: a copy of a recorded optimizer is equal to it, then."""
        found: list[tuple[Trial, Run]] = []
        for task in self.suite.tasks:
            runs = [run for own in self.runs_of(task).values() for run in own]
            trials = trials_of(runs, lambda _, name=task: name)
            found += zip(map(with_recorded_digits, trials), runs, strict=True)
        return found


def scored_task(name: str, task: SuiteTask) -> Task:
    return Task(name, task.better, task.target, task.near, task.log_scale, task.floor)


def with_recorded_digits(trial: Trial) -> Trial:
    curve = tuple((step, rounded(value)) for step, value in trial.curve)
    return replace(trial, values=rounded(trial.values), curve=curve)


def gather(
    name: str, suite: Suite, own: SuiteRuns | None, recorded: SuiteRuns | None, only: Collection[str] = ()
) -> Compared:
    """The comparison of a suite's runs. own: a command's; recorded: reference runs. only: optimizers to keep.

    Of an optimizer that has own runs on a task the recorded ones are left out there. Raises ValueError if no runs are
    left.
    """
    warnings: list[str] = []
    notes: list[str] = []
    mine = defined_runs(suite, own, "Your", warnings)
    theirs = defined_runs(suite, recorded, "Recorded", warnings)
    mine, theirs = (ended_runs(each, only, warnings) for each in (mine, theirs))
    newest_code(mine, warnings)
    notes += leave_out_stand_ins(suite, mine, theirs)
    known = {optimizer for by_optimizer in theirs.values() for optimizer in by_optimizer}
    replaced: dict[str, list[str]] = defaultdict(list)
    for task, by_optimizer in mine.items():
        for optimizer in by_optimizer:
            if theirs.get(task, {}).pop(optimizer, None):
                replaced[optimizer].append(task)
    for optimizer, tasks in replaced.items():
        notes.append(f"{optimizer}: your runs are compared, not the recorded ones ({names_text(tasks)}).")
    if own is not None and own.missing:
        warnings.append(f"{len(own.missing)} runs have not begun, or are damaged, such as {own.missing[0]}.")
    spaces = {
        **(declared_spaces(recorded.manifest) if recorded else {}),
        **(declared_spaces(own.manifest) if own else {}),
    }
    found = Compared(Path(name).stem, suite, mine, theirs, spaces, asked_about(mine, known), warnings, notes)
    if not found.optimizers:
        raise ValueError(f"suite {name}: no finished run of a task as it is defined now. {' '.join(warnings)}".rstrip())
    return found


def asked_about(own: ByTask, known: Collection[str]) -> tuple[str, ...]:
    """Compared.mine. known: the recorded optimizers."""
    ours = sorted({optimizer for by_optimizer in own.values() for optimizer in by_optimizer})
    new = [optimizer for optimizer in ours if optimizer not in known]
    if not set(known) - set(ours):
        return tuple(new) if len(new) < len(ours) else ()
    return tuple(new or ours)


def defined_runs(suite: Suite, found: SuiteRuns | None, whose: str, warnings: list[str]) -> dict[str, list[Run]]:
    """The runs of the suite's tasks, but for tasks whose definition was another then."""
    kept: dict[str, list[Run]] = {}
    for name, runs in (found.runs if found else {}).items():
        task = suite.tasks.get(name)
        definition = found.manifest.definitions.get(name) if found else None
        if not runs:
            continue
        if task is None:
            warnings.append(f"{whose} runs of {name} are left out: the suite has no such task now.")
        elif definition != task.definition(suite.shared):
            warnings.append(f"{whose} runs of {name} are left out: the task was defined otherwise then.")
        else:
            kept[name] = list(runs)
    return kept


def ended_runs(found: Mapping[str, Sequence[Run]], only: Collection[str], warnings: list[str]) -> ByTask:
    """By task and optimizer those that are done, diverged or were stopped early."""
    kept: ByTask = {}
    rest: dict[str, list[str]] = defaultdict(list)
    for task, runs in found.items():
        for run in runs:
            if only and run.optimizer not in only:
                continue
            if run.ending in ENDED:
                kept.setdefault(task, {}).setdefault(run.optimizer, []).append(run)
            else:
                rest[run.optimizer].append(f"{task} {run.setting} seed={run.seed} ({run.ending})")
    for optimizer, names in rest.items():
        warnings.append(f"{len(names)} runs of {optimizer} are left out, as they have not ended: {names_text(names)}.")
    return kept


def leave_out_stand_ins(suite: Suite, own: ByTask, recorded: ByTask) -> list[str]:
    """Of a task and the one that is run in its place where its data are not there, leave the one that was run; a note
    on each. Of both, the first stays."""
    notes = []
    for name, task in suite.tasks.items():
        pair = [task.instead_of, name] if task.instead_of else []
        having = [each for each in pair if each in (own or recorded)] or [each for each in pair if each in recorded]
        for other in (each for each in pair if having and each != having[0]):
            if own.pop(other, None) or recorded.pop(other, None):
                recorded.pop(other, None)
                notes.append(f"Runs of {other} are left out: {having[0]} is compared in its place.")
    return notes


def newest_code(found: ByTask, warnings: list[str]) -> None:
    """Of runs by several versions of the code, leave those of the newest run on each task."""
    dropped: dict[str, int] = defaultdict(int)
    for by_optimizer in found.values():
        for optimizer, runs in by_optimizer.items():
            newest = code_of(max(runs, key=time_of))
            by_optimizer[optimizer] = [run for run in runs if code_of(run) == newest]
            dropped[optimizer] += len(runs) - len(by_optimizer[optimizer])
    for optimizer, number in dropped.items():
        if number:
            warnings.append(f"{number} runs of {optimizer} are left out: they are of code that has changed since.")


def time_of(run: Run) -> str:
    return str(run.environment.get("time") or "")


def all_runs(found: Mapping[str, Mapping[str, Iterable[Run]]]) -> list[Run]:
    return [run for by_optimizer in found.values() for runs in by_optimizer.values() for run in runs]
