"""Mean ranks over tasks, with bootstrap intervals over tasks and seeds.

On each task the optimizers are ranked by the mean of their losses over seeds, 1 the best; those with equal means share
the mean of their ranks, and those without a value, of which a run did not finish, share the last ones. The score is the
mean over tasks (as in Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006).

Both levels of chance are resampled: a replicate draws as many tasks as there are, with replacement, and for each task
that it drew as many seeds as there are, with replacement; then it ranks as above. Seeds are drawn alike for all
optimizers of a task if they ran with the same ones, as a seed's runs share their start and their batches, otherwise for
each by itself. The interval lies between percentiles of the replicates (Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 13), expanded for n tasks, without which it would be too narrow for few: not at 2.5 % but at

    Phi(-sqrt(n / (n - 1)) t_{0.975, n-1}),  0.9 % for 10 tasks

(Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician, 2015). With one task only seeds
are resampled, and nothing is expanded.

The interval is for the mean rank that so many seeds would give over the kind of tasks of which these are a sample; a
suite's tasks are chosen, not drawn. In simulated suites of 9 to 20 tasks with 3 or 5 seeds it holds the true mean rank
in 95 to 99.9 of 100, more often where the seeds' noise decides, as resampled means vary more than the means themselves;
with 5 tasks in 91 to 99 (tests/report/test_ranks.py). Intervals that overlap do not show that two optimizers are alike:
report/scores/wins.py compares pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.scores.data import Results

if TYPE_CHECKING:
    from numpy import ndarray
    from numpy.random import Generator

REPLICATES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Rank:
    """mean: over the tasks; low, high: its interval. by_task: in the tasks' order."""

    optimizer: str
    mean: float
    low: float
    high: float
    by_task: tuple[float, ...]


def mean_ranks(results: Results, replicates: int = REPLICATES, seed: int = 0, level: float = LEVEL) -> list[Rank]:
    """The optimizers' ranks, the best first, then by name. seed: of the bootstrap.

    An optimizer that was not run on a task has a last rank there. Raises ValueError without a task or an optimizer.
    """
    import numpy

    optimizers = sorted({optimizer for by_optimizer in results.values() for optimizer in by_optimizer})
    if not optimizers:
        raise ValueError("no results: nothing can be ranked")
    generator = numpy.random.default_rng(seed)
    tables = [losses_of(results, task, optimizers) for task in results]
    observed = numpy.concatenate([ranks_of([table.mean(1, keepdims=True) for table in own]) for own in tables])
    drawn = generator.integers(len(tables), size=(replicates, len(tables)))  # the tasks of each replicate
    resampled = numpy.empty((*drawn.shape, len(optimizers)))
    for i, own in enumerate(tables):
        places = drawn == i
        resampled[places] = resampled_ranks(own, int(places.sum()), generator)
    means = resampled.mean(1)
    tail = expanded_tail(len(tables), level)
    low, high = numpy.quantile(means, [tail, 1 - tail], axis=0)
    found = [
        Rank(name, float(observed[:, j].mean()), float(low[j]), float(high[j]), tuple(observed[:, j].tolist()))
        for j, name in enumerate(optimizers)
    ]
    return sorted(found, key=lambda rank: (rank.mean, rank.optimizer))


def expanded_tail(num_tasks: int, level: float) -> float:
    """The share of replicates outside each end of the interval."""
    from scipy.stats import norm, t

    if num_tasks == 1:
        return (1 - level) / 2
    return float(norm.sf(math.sqrt(num_tasks / (num_tasks - 1)) * t.isf((1 - level) / 2, num_tasks - 1)))


def losses_of(results: Results, task: str, optimizers: Sequence[str]) -> list[ndarray]:
    """One table of optimizers by seeds if all ran with the same seeds; otherwise one of a row for each optimizer."""
    import numpy

    found = [results[task].get(optimizer) or {} for optimizer in optimizers]
    rows = [[each[seed] for seed in sorted(each)] or [numpy.inf] for each in found]
    if len({frozenset(each) for each in found}) == 1:
        return [numpy.array(rows, float)]
    return [numpy.array([row], float) for row in rows]


def resampled_ranks(tables: Sequence[ndarray], count: int, generator: Generator) -> ndarray:
    """The ranks on one task in `count` draws of its seeds."""
    means = []
    for table in tables:
        seeds = generator.integers(table.shape[1], size=(count, table.shape[1]))
        means.append(table[:, seeds].mean(2))
    return ranks_of(means)


def ranks_of(means: Sequence[ndarray]) -> ndarray:
    """Draws by optimizers: the ranks of means, which are given as tables of optimizers by draws."""
    import numpy
    from scipy.stats import rankdata

    return rankdata(numpy.concatenate(means), axis=0).T
