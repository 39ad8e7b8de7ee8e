"""The scores of a suite's optimizers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from report.scores.data import Results, Task, Trial, TriedSetting, best_settings, tried_settings
from report.scores.expected_best import ExpectedBest, expected_best
from report.scores.profile import Profile, profiles
from report.scores.ranks import Rank, mean_ranks
from report.scores.sensitivity import Sensitivity, sensitivity
from report.scores.steps import Significance, setting_steps
from report.scores.wins import Duel, duels
from report.suite.gather import Compared
from results.run import Run

Tried = Mapping[str, Mapping[str, Sequence[TriedSetting]]]
Chosen = Mapping[str, Mapping[str, TriedSetting]]


@dataclass(frozen=True)
class Scored:
    """tried: the settings by task and optimizer. chosen: the best of each. runs: by key_of(trial). baselines: those
    that are asked for."""

    compared: Compared
    tasks: Sequence[Task]
    tried: Tried
    chosen: Chosen
    runs: Mapping[tuple[str, str, str, int], Run]
    baselines: tuple[str, ...] = ()

    @cached_property
    def which(self) -> dict[str, str]:
        """By task "test", or "best", the best epoch's validation, where a run that is done was not tested."""
        return {
            task: "test"
            if all("test" in trial.values for each in own.values() for trial in each.trials if trial.ending == "done")
            else "best"
            for task, own in self.chosen.items()
        }

    @cached_property
    def results(self) -> Results:
        """The losses of the best settings by task, optimizer and seed."""
        return {
            task: {optimizer: each.losses(self.which[task]) for optimizer, each in own.items()}
            for task, own in self.chosen.items()
        }

    @cached_property
    def means(self) -> dict[str, dict[str, float]]:
        """The mean losses over seeds by task and optimizer; infinite where a run did not finish."""
        return {
            task: {optimizer: statistics.fmean(losses.values()) for optimizer, losses in own.items()}
            for task, own in self.results.items()
        }

    def distance(self, task: Task, optimizer: str) -> float:
        """From the best mean on the task, in multiples of what counts as near; infinite: without a value."""
        own = self.means[task.name]
        best = min(own.values())
        if not math.isfinite(own[optimizer]):
            return math.inf
        gap = own[optimizer] - best
        if gap <= 1e-12 * abs(best):
            return 0.0
        return gap / task.near if task.near else math.inf

    def num_near(self, optimizer: str) -> int:
        """On how many of the ranked tasks the optimizer is near the best."""
        return sum(self.distance(task, optimizer) <= 1 + 1e-9 for task in self.ranked_tasks)

    @cached_property
    def ranked_tasks(self) -> list[Task]:
        """The tasks on which an optimizer must have results to be ranked: those of one of mine, or of any, so that as
        many results as possible are ranked."""
        candidates = self.compared.mine or self.compared.optimizers
        sets = [[task for task in self.tasks if name in self.chosen[task.name]] for name in candidates]
        return max(sets, key=lambda tasks: len(tasks) * len(self.having(tasks)))

    def having(self, tasks: Sequence[Task]) -> list[str]:
        """The optimizers that ran on all of the tasks, by name."""
        return [name for name in self.compared.optimizers if all(name in self.chosen[task.name] for task in tasks)]

    @cached_property
    def ranked(self) -> list[str]:
        return self.having(self.ranked_tasks)

    @cached_property
    def unranked(self) -> list[str]:
        return [optimizer for optimizer in self.compared.optimizers if optimizer not in self.ranked]

    @cached_property
    def ranks(self) -> list[Rank]:
        """The best first."""
        results = self.results
        return mean_ranks({t.name: {name: results[t.name][name] for name in self.ranked} for t in self.ranked_tasks})

    @property
    def order(self) -> list[str]:
        """The optimizers by rank, then those without."""
        return [*(rank.optimizer for rank in self.ranks), *self.unranked]

    @property
    def rule(self) -> Significance | None:
        """Of the suite, for reaching a target."""
        alpha = self.compared.suite.significance
        return None if alpha is None else Significance(alpha)

    @cached_property
    def steps(self) -> dict[str, dict[str, int | None]]:
        """Steps to the target by task, of those that have one, and optimizer."""
        return {
            task.name: {optimizer: setting_steps(each, self.rule) for optimizer, each in self.chosen[task.name].items()}
            for task in self.tasks
            if task.target is not None
        }

    @cached_property
    def profiles(self) -> list[Profile]:
        """Of steps to the target, over the ranked tasks that have one; the largest area first."""
        times = {
            task.name: {name: self.steps[task.name][name] for name in self.ranked}
            for task in self.ranked_tasks
            if task.name in self.steps
        }
        return profiles(times)

    def area(self, optimizer: str) -> float | None:
        """Of its profile; None without one."""
        return next((each.area() for each in self.profiles if each.optimizer == optimizer), None)

    @cached_property
    def duels(self) -> list[Duel]:
        """Each of mine against each baseline; where none is asked about, the best one against all others."""
        subjects = self.compared.mine or (() if self.baselines else (self.order[0],))
        subjects = subjects or tuple(name for name in self.order if name not in self.baselines)
        against = self.baselines or tuple(name for name in self.order if name not in subjects)
        if not against:  # all are asked about
            against = tuple(self.order)
        return [each for subject in subjects for each in duels(self.results, subject, against)]

    def first_trials(self, task: str, optimizer: str) -> list[TriedSetting]:
        """Its settings with the suite's first seed only, with which all of them ran."""
        first = self.compared.suite.seeds[0]
        found = []
        for setting in self.tried[task].get(optimizer, ()):
            if own := [trial for trial in setting.trials if trial.seed == first]:
                found.append(TriedSetting(setting.task, own))
        return found

    def best_first(self, task: Task) -> float:
        """The best validation that any setting of any optimizer reached with the first seed."""
        found = [each.loss() for name in self.tried[task.name] for each in self.first_trials(task.name, name)]
        return min(found, default=math.inf)

    def sensitivity(self, task: Task, optimizer: str, to_all: bool) -> Sensitivity | None:
        """The share of its search space near its own best, or, to_all, near the best of all; None: not known."""
        space = self.compared.spaces.get(optimizer)
        settings = self.first_trials(task.name, optimizer)
        points = [(each.numbers, each.loss()) for each in settings if space and space.keys() <= each.numbers.keys()]
        if not space or not points or task.near is None:
            return None
        best = self.best_first(task) if to_all else min(loss for _, loss in points)
        if not math.isfinite(best):
            return None
        return sensitivity(space, points, task.near, best)

    def expected(self, task: Task) -> dict[str, list[ExpectedBest]]:
        """By optimizer the expected best loss on validation after 1, 2, ... trials. One that failed has the worst value
        of any on the task."""
        losses = {name: [each.loss() for each in self.first_trials(task.name, name)] for name in self.tried[task.name]}
        finite = [loss for own in losses.values() for loss in own if math.isfinite(loss)]
        return {
            name: expected_best(own, "min", worst=max(finite))
            for name, own in losses.items()
            if any(map(math.isfinite, own))
        }

    def settings_tried(self) -> int:
        return sum(len(settings) for own in self.tried.values() for settings in own.values())

    def chosen_runs(self, task: str) -> dict[str, list[Run]]:
        """By optimizer the runs of its best setting."""
        return {name: [self.runs[key_of(trial)] for trial in own.trials] for name, own in self.chosen[task].items()}


def key_of(trial: Trial) -> tuple[str, str, str, int]:
    return trial.task, trial.optimizer, trial.setting, trial.seed


def scored(compared: Compared, baselines: Sequence[str] = ()) -> Scored:
    """Raises ValueError for a baseline without runs."""
    if unknown := [name for name in baselines if name not in compared.optimizers]:
        raise ValueError(f"--baseline {unknown[0]}: no finished runs; there are {', '.join(compared.optimizers)}")
    pairs = compared.trials()
    tried = tried_settings(compared.tasks, [trial for trial, _ in pairs])
    runs = {key_of(trial): run for trial, run in pairs}
    return Scored(compared, compared.tasks, tried, best_settings(tried), runs, tuple(baselines))
