"""The expected best value against the number of trials, from the trials that were made.

With the N values in order v_(1) <= ... <= v_(N), the largest of n values drawn from them with replacement has

    P(max = v_(i)) = (i / N)^n - ((i - 1) / N)^n
    mean      = sum of v_(i) P(max = v_(i))
    deviation = sqrt(sum of (v_(i) - mean)^2 P(max = v_(i)))

(Dodge, Gururangan, Card, Schwartz and Smith, "Show Your Work: Improved Reporting of Experimental Results", EMNLP 2019,
section 3; the deviation as in the authors' code, github.com/dodgejesse/show_your_work). Metrics that are best when
small have the smallest in place of the largest. At n = 1 it is the mean of the trials.

It takes trials for independent draws, as those of a random search are; the points of a quasi-random search are spread
more evenly than that. It is biased towards a worse best value, the more so the closer n is to N (Tang et al., "Showing
Your Work Doesn't Always Work", ACL 2020): at n = N it is worse than the best that was found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectedBest:
    """After n trials. deviation: of the best value, over repetitions of the search."""

    n: int
    mean: float
    deviation: float


def expected_best(
    values: Sequence[float | None], better: str, most: int | None = None, worst: float | None = None
) -> list[ExpectedBest]:
    """For n = 1 to `most` trials (by default as many as there are values).

    better: "min" or "max". None or not finite: a trial that failed; it has the value `worst`, by default the worst of
    the others. Where optimizers are compared it has to be one for all: with the default, an optimizer all but one of
    whose trials failed would be expected to find that one's value at once. Raises ValueError if no trial has a value.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        raise ValueError("no trial has a value: there is no best one to expect")
    last = worst if worst is not None else (min(finite) if better == "max" else max(finite))
    ordered = sorted([*finite, *[last] * (len(values) - len(finite))], reverse=better == "min")  # the best one last
    return [after(n, ordered) for n in range(1, (most or len(ordered)) + 1)]


def after(n: int, ordered: Sequence[float]) -> ExpectedBest:
    """The expectation after n draws. ordered: all values, the best one last."""
    size = len(ordered)
    chances = [(i / size) ** n - ((i - 1) / size) ** n for i in range(1, size + 1)]
    mean = math.fsum(value * chance for value, chance in zip(ordered, chances, strict=True))
    variance = math.fsum((value - mean) ** 2 * chance for value, chance in zip(ordered, chances, strict=True))
    return ExpectedBest(n, mean, math.sqrt(variance))
