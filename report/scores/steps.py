"""Steps to a target: the first step at which the *mean* over seeds is as good as the target.

The mean of the seeds' own first passings is another number, and usually a smaller one: each seed's first passing picks
a lucky moment of its curve, and seeds that never pass are missing in it. A target is about what is expected of a run,
so the mean is taken first.

With a rule of significance, the mean's p-value has to be below alpha, too: that of a one-sided t-test of the seeds'
values against the target. The modded-nanogpt speedrun asks of a record "enough run logs to attain a statistical
significance level of p<0.01 that their mean val loss is <=3.28", by scipy's ttest_1samp(..., alternative="less")
(github.com/KellerJordan/modded-nanogpt: README.md at e7a55f1 and records/010425_SoftCap/README.md at 071cf43). Each
step is tested by itself, so that the first of many that passes has passed by chance more often than alpha says.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from report.scores.data import TriedSetting

Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Significance:
    """How sure the mean's passing has to be: its p-value is below alpha."""

    alpha: float = 0.01

    def p(self, values: Sequence[float], target: float) -> float:
        """The probability of so small a mean, or a smaller one, were the expected value the target.

        1 for a single value. For values that are all equal, 0 if they are as good as the target (scipy: nan at the
        target itself), as at a floor that is the target, and else 1.
        """
        from scipy.stats import t

        n, below = len(values), target - statistics.fmean(values)
        if n == 1:
            return 1.0
        deviation = statistics.stdev(values)
        if deviation == 0:
            return 0.0 if below >= 0 else 1.0
        return float(t.sf(below * math.sqrt(n) / deviation, n - 1))


def steps_to_target(
    curves: Sequence[Curve], target: float, better: str, rule: Significance | None = None
) -> int | None:
    """The first step at which the mean over the curves, one a seed, is at least as good as the target; None: never.

    better: "min" or "max". Only steps at which every curve has a value count: where a seed's run diverged or stopped,
    the mean ends. With a rule, the mean must pass significantly, too.
    """
    sign = -1 if better == "max" else 1
    by_step = [dict(curve) for curve in curves]
    common = set.intersection(*(set(each) for each in by_step)) if by_step else set()
    for step in sorted(common):
        values = [sign * each[step] for each in by_step]
        passes = statistics.fmean(values) <= sign * target
        if passes and (rule is None or rule.p(values, sign * target) < rule.alpha):
            return step
    return None


def setting_steps(setting: TriedSetting, rule: Significance | None = None) -> int | None:
    """Steps to the task's target; None if it is not reached, or if the task has none.

    The mean over seeds is of losses: with Task.log_scale of logarithms, as in all other scores of the task.
    """
    task = setting.task
    if task.target is None:
        return None
    curves = [[(step, task.loss(value)) for step, value in trial.curve] for trial in setting.trials]
    return steps_to_target(curves, task.loss(task.target), "min", rule)
