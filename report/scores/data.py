"""Tasks and trials, as the scores take them.

A trial is one run: a setting of an optimizer, with one seed, on one task. The scores compare *losses*: values on the
task's scale of comparison, of which the smaller is the better.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from results.settings import usual_number

DONE = "done"

#: task, optimizer, seed: a loss; infinite where a run has no value
Results = Mapping[str, Mapping[str, Mapping[int, float]]]


@dataclass(frozen=True)
class Task:
    """What is compared on a task.

    better: "min" or "max". target: a value of the metric. near: the distance to the best that still counts as near it,
    in the metric's unit, or in decades with log_scale.
    log_scale: values are compared by their decimal logarithm, those below `floor` as the floor: for problems whose
    optimum is 0 and is known, where 1e-14 is no better than 1e-13.
    """

    name: str
    better: str
    target: float | None = None
    near: float | None = None
    log_scale: bool = False
    floor: float = 1e-12

    def __post_init__(self) -> None:
        if self.better not in ("min", "max"):
            raise ValueError(f"{self.name}: better={self.better!r} is neither min nor max")
        if self.log_scale and not (self.better == "min" and self.floor > 0):
            raise ValueError(f"{self.name}: log_scale is for metrics that are best when small, with a floor above 0")

    def loss(self, value: float | None) -> float:
        """The value on the scale of comparison, smaller is better; infinite for None, nan and infinities."""
        if value is None or not math.isfinite(value):
            return math.inf
        if self.log_scale:
            return math.log10(max(value, self.floor))
        return -value if self.better == "max" else value


@dataclass(frozen=True)
class Trial:
    """One run.

    setting: the label that the runs of all seeds share. numbers: the searched numbers by their keys ("optim.lr").
    values: of the metric: "best" and "final" epoch on validation, "test"; a run that ended badly lacks some.
    curve, lrs: (step, validation metric) and (step, learning rate), by rising step. seconds: of training.
    """

    task: str
    optimizer: str
    setting: str
    seed: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    curve: Sequence[tuple[int, float]] = ()
    lrs: Sequence[tuple[int, float]] = ()
    epochs: int = 0
    seconds: float | None = None
    ending: str = DONE


@dataclass(frozen=True)
class TriedSetting:
    """One setting of an optimizer on a task, with its trials in the order of their seeds."""

    task: Task
    trials: Sequence[Trial]

    @property
    def optimizer(self) -> str:
        return self.trials[0].optimizer

    @property
    def numbers(self) -> Mapping[str, float]:
        return self.trials[0].numbers

    @property
    def finished(self) -> bool:
        return all(trial.ending == DONE for trial in self.trials)

    def losses(self, which: str) -> dict[int, float]:
        """By seed; infinite for a trial that did not finish."""
        return {
            trial.seed: self.task.loss(trial.values.get(which)) if trial.ending == DONE else math.inf
            for trial in self.trials
        }

    def loss(self, which: str = "best") -> float:
        """The mean over seeds; infinite if one has none."""
        return statistics.fmean(self.losses(which).values())


def tried_settings(tasks: Iterable[Task], trials: Iterable[Trial]) -> dict[str, dict[str, list[TriedSetting]]]:
    """The settings by task and optimizer; trials of other tasks are left out."""
    found: dict[str, dict[str, dict[str, list[Trial]]]] = {}
    for trial in trials:
        by_optimizer = found.setdefault(trial.task, defaultdict(dict))
        by_optimizer[trial.optimizer].setdefault(trial.setting, []).append(trial)
    return {
        task.name: {
            optimizer: [TriedSetting(task, sorted(own, key=lambda trial: trial.seed)) for own in settings.values()]
            for optimizer, settings in sorted(found.get(task.name, {}).items())
        }
        for task in tasks
    }


def best_setting(tried: Sequence[TriedSetting]) -> TriedSetting:
    """The one with the best mean over seeds of the best epoch's validation, as results.settings.best has it.

    Settings with fewer seeds than usual come last, before them those of which a trial did not finish. A setting that
    was chosen by its first seed, ran with all, and diverged with one of them stays the chosen one: another, of which
    the other seeds are not known, would be chosen for not having been tried.
    """
    usual = usual_number([len(setting.trials) for setting in tried])
    return min(
        tried,
        key=lambda setting: (
            len(setting.trials) < usual,
            not setting.finished,
            setting.loss(),
            setting.trials[0].setting,
        ),
    )


def best_settings(tried: Mapping[str, Mapping[str, Sequence[TriedSetting]]]) -> dict[str, dict[str, TriedSetting]]:
    """The best setting by task and optimizer."""
    return {
        task: {optimizer: best_setting(own) for optimizer, own in by_optimizer.items()}
        for task, by_optimizer in tried.items()
    }


def results_of(chosen: Mapping[str, Mapping[str, TriedSetting]], which: str = "test") -> Results:
    """The losses by task, optimizer and seed."""
    return {
        task: {optimizer: setting.losses(which) for optimizer, setting in by_optimizer.items()}
        for task, by_optimizer in chosen.items()
    }
