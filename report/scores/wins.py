"""Wins, ties and losses of an optimizer against each baseline, task by task.

A task is won where the paired t-test over seeds, report/tables/statistics.py, finds the optimizer's losses smaller,
lost where it finds them larger, and tied otherwise: a tie is a difference that these seeds do not show, and no proof
that there is none. For each baseline, the p-values of all tasks are corrected together by Holm's method, so that the
probability of any false win or loss against one baseline is below 5 %. Over many baselines some will be false.

Without chance there is no test: values that differ by the same amount in every seed, as those of a problem without
noise do, are a win or a loss as they stand, and equal ones a tie. With one common seed, or none, the task is tied. An
optimizer of which a run did not finish loses against one whose runs all did.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from report.scores.data import Results
from report.tables.statistics import Comparison, corrected, paired_values

WIN, TIE, LOSS = "win", "tie", "loss"


@dataclass(frozen=True)
class Duel:
    """An optimizer against a baseline: by task the comparison (difference positive: the optimizer is better) and its
    verdict, a word of WIN, TIE and LOSS."""

    optimizer: str
    baseline: str
    comparisons: Mapping[str, Comparison]
    verdicts: Mapping[str, str]

    def tasks(self, verdict: str) -> list[str]:
        return [task for task, found in self.verdicts.items() if found == verdict]


def duels(results: Results, optimizer: str, baselines: Sequence[str] = ()) -> list[Duel]:
    """The optimizer against each of the baselines, by default all others, on the tasks on which both ran.

    Raises ValueError for an optimizer or baseline without results.
    """
    known = sorted({name for by_optimizer in results.values() for name in by_optimizer})
    if unknown := [name for name in (optimizer, *baselines) if name not in known]:
        raise ValueError(f"{unknown[0]} has no results; those that have are {', '.join(known)}")
    return [duel(results, optimizer, other) for other in baselines or known if other != optimizer]


def duel(results: Results, optimizer: str, baseline: str) -> Duel:
    """One optimizer against one baseline."""
    tasks = [task for task, found in results.items() if optimizer in found and baseline in found]
    pairs = {task: (results[task][optimizer], results[task][baseline]) for task in tasks}
    compared = corrected([paired_values(optimizer, baseline, *map(finite, pair), sign=-1) for pair in pairs.values()])
    comparisons = dict(zip(tasks, compared, strict=True))
    verdicts = {task: verdict(*pairs[task], comparisons[task]) for task in tasks}
    return Duel(optimizer, baseline, comparisons, verdicts)


def verdict(ours: Mapping[int, float], theirs: Mapping[int, float], found: Comparison) -> str:
    """The word for one task."""
    finished, other_finished = (bool(each) and all(map(math.isfinite, each.values())) for each in (ours, theirs))
    if finished != other_finished:
        return WIN if finished else LOSS
    constant = found.n > 1 and found.p is None and found.difference != 0
    if not (found.significant or constant):
        return TIE
    return WIN if found.difference > 0 else LOSS


def finite(values: Mapping[int, float]) -> dict[int, float]:
    return {seed: value for seed, value in values.items() if math.isfinite(value)}
