"""Settings: configurations, each with the runs that differ in nothing but their seed; the best by validation."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.run import Run
from results.run_labels import code_of

FEWEST_SEEDS = 3  # for a mean that is more than chance


@dataclass(frozen=True)
class Setting:
    """One configuration of one optimizer on one task; `runs`: one a seed, in the seeds' order."""

    runs: Sequence[Run]

    @property
    def optimizer(self) -> str:
        return self.runs[0].optimizer

    @property
    def metric(self) -> str:
        return self.runs[0].metric

    @property
    def lr(self) -> float:
        return self.runs[0].config["optim"]["lr"]

    @property
    def finished(self) -> bool:
        """Whether every run reached its end."""
        return all(run.ending == "done" for run in self.runs)

    def values(self, which: str = "best") -> list[float]:
        """The metric of each finished run: on validation its "best" or "final" epoch, or on "test"."""
        return [run.status[which][self.metric] for run in self.runs if run.ending == "done"]

    def mean(self, which: str = "best") -> float:
        return statistics.mean(self.values(which))


def settings(runs: Iterable[Run]) -> list[Setting]:
    """The runs' settings, by optimizer and folder name. Runs whose recorded code differs are of different settings."""
    found: dict[tuple[str, str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        found[run.optimizer, run.setting, run.signature, code_of(run)].append(run)
    return [Setting(sorted(group, key=lambda run: run.seed)) for _, group in sorted(found.items())]


def best(all_settings: Iterable[Setting], count: int = 1) -> dict[str, list[Setting]]:
    """For each optimizer its `count` best settings by the mean of validation, best epoch each, the best one first.

    A setting of which a run diverged or is unfinished is not chosen, and one with fewer seeds than usual only where
    there are not enough others.
    """
    chosen: dict[str, list[Setting]] = defaultdict(list)
    for setting in all_settings:
        if setting.finished:
            chosen[setting.optimizer].append(setting)
    return {optimizer: ranked(own)[:count] for optimizer, own in sorted(chosen.items())}


def ranked(own: Sequence[Setting]) -> list[Setting]:
    """The best first; settings with fewer than the usual number of seeds come last."""
    sign, usual = -1 if own[0].runs[0].status["better"] == "max" else 1, usual_seeds(own)
    return sorted(own, key=lambda setting: (len(setting.runs) < usual, sign * setting.mean()))


def usual_seeds(own: Sequence[Setting]) -> int:
    """The number of seeds that a setting of one optimizer needs to be preferred: what most have, and at least three.

    Where none has as many, the largest number that there is.
    """
    return usual_number([len(setting.runs) for setting in own])


def usual_number(seeds_of_each: Iterable[int]) -> int:
    """The same, of the settings' numbers of seeds."""
    counts = Counter(seeds_of_each)
    most_common = max(counts, key=lambda seeds: (counts[seeds], seeds))
    return min(max(counts), max(most_common, FEWEST_SEEDS))
