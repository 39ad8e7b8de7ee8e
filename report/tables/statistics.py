"""Paired t-tests of optimizers over seeds, corrected for their number.

A seed gives every optimizer the same start, data order and split, so runs are compared seed by seed. Of the n
differences d_i, positive where the candidate is better than the reference,

    t = mean(d) / (s / sqrt(n)),  s the standard deviation (n - 1),  with n - 1 degrees of freedom
    interval:  mean(d) ± t_{1 - a/2, n-1} s / sqrt(n)

(Student, "The Probable Error of a Mean", Biometrika 1908). It assumes normal differences, which a few seeds
can't check. The p-values of a table's m comparisons are corrected by Holm's step-down method ("A Simple Sequentially
Rejective Multiple Test Procedure", Scand. J. Statist. 1979), which keeps the probability of any false claim in the
table below 5 % whatever the comparisons depend on. The intervals are corrected alike: a = 0.05 p / p_Holm, between
0.05 / m and 0.05, so that an interval excludes zero where Holm's p is below 5 %, and only there. A single comparison
has the 95 % interval.

Where a difference is not significant, the n is given at which it would be with probability 80 %, were the true effect
the observed one, d = |mean(d)| / s: the smallest n with

    P(T > t_{1 - alpha/2, n-1}) >= 0.8,  T noncentral t, n - 1 degrees of freedom, noncentrality d sqrt(n)

(Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2) and alpha = 0.05 / m, what Holm's
first step asks for. Few seeds give a poor estimate of the effect, and so of n: a hint for the next sweep, no result.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan, sqrt

from results.settings import Setting, ranked

ALPHA, POWER = 0.05, 0.8
MOST_SEEDS = 1000
TINY = 1e-12  # of the values: differences that vary by less differ by rounding only


@dataclass(frozen=True)
class Comparison:
    """An optimizer against the reference. difference: mean over the n common seeds, positive where it is better.

    p: of the paired t-test alone; holm: corrected for the `tests` tests of the table; low, high: the interval that is
    corrected alike, and excludes zero where holm is below 5 %;
    all None where there was no test. needed: seeds for 80 % power; None where it is significant, or unknown.
    """

    optimizer: str
    reference: str
    n: int
    difference: float = nan
    deviation: float = nan
    low: float | None = None
    high: float | None = None
    p: float | None = None
    holm: float | None = None
    tests: int = 0
    needed: int | None = None
    left_out: tuple[str, ...] = ()  # why runs are missing in n

    @property
    def significant(self) -> bool:
        """Whether the corrected p is below 5 %."""
        return self.holm is not None and self.holm < ALPHA


def compare(settings: Mapping[str, Setting], baseline: str | None = None) -> list[Comparison]:
    """Test metrics of every optimizer against the baseline's, or those of the best on validation, paired by seed.

    settings: the best setting of each optimizer. Runs without a partner, a finish or a finite value are left out, which
    the comparison records. Raises ValueError for a baseline that is not among the settings.
    """
    if baseline is not None and baseline not in settings:
        raise ValueError(f"baseline={baseline} is not among the compared: {', '.join(settings)}")
    if len(settings) < 2:
        return []
    reference = settings[baseline] if baseline is not None else ranked(usable(settings))[0]
    others = [setting for setting in settings.values() if setting is not reference]
    return corrected([paired(setting, reference) for setting in others])


def usable(settings: Mapping[str, Setting]) -> list[Setting]:
    """Those with a validation mean to be ranked by."""
    found = [setting for setting in settings.values() if setting.values()]
    if not found:
        raise ValueError("no setting has a finished run: nothing can be compared")
    return found


def paired(ours: Setting, theirs: Setting) -> Comparison:
    """One comparison, uncorrected."""
    mine, other = by_seed(ours), by_seed(theirs)
    sign = 1 if ours.runs[0].status["better"] == "max" else -1
    missing = left_out((ours, mine), (theirs, other))
    return paired_values(ours.optimizer, theirs.optimizer, mine, other, sign, missing)


def paired_values(
    optimizer: str,
    reference: str,
    mine: Mapping[int, float],
    other: Mapping[int, float],
    sign: int,
    missing: tuple[str, ...] = (),
) -> Comparison:
    """The comparison of finite values by seed, uncorrected. sign: 1 where the larger is the better, -1 otherwise."""
    common = sorted(mine.keys() & other.keys())
    found = Comparison(optimizer, reference, len(common), left_out=missing)
    if not common:
        return found
    differences = [sign * (mine[seed] - other[seed]) for seed in common]
    noise = TINY * max(abs(value) for seed in common for value in (mine[seed], other[seed]))
    mean = statistics.fmean(differences)
    found = replace(found, difference=0.0 if abs(mean) <= noise else mean)
    if len(common) == 1:
        return found
    found = replace(found, deviation=statistics.stdev(differences))
    return found if found.deviation <= noise else with_t_test(found)


def with_t_test(found: Comparison) -> Comparison:
    """p of the paired t-test."""
    from scipy.stats import t

    error, freedom = found.deviation / sqrt(found.n), found.n - 1
    return replace(found, p=2 * float(t.sf(abs(found.difference) / error, freedom)))


def with_interval(found: Comparison) -> Comparison:
    """The interval of which Holm's correction leaves the level."""
    from scipy.stats import t

    assert found.p is not None and found.holm is not None
    alpha = ALPHA * found.p / found.holm if found.holm else ALPHA / found.tests
    half = float(t.isf(alpha / 2, found.n - 1)) * found.deviation / sqrt(found.n)
    return replace(found, low=found.difference - half, high=found.difference + half)


def corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's p over all tests, the intervals, and the seeds that those without significance would need."""
    ps = [each.p for each in found if each.p is not None]
    adjusted = iter(holm(ps))
    with_p = [
        each if each.p is None else with_interval(replace(each, holm=next(adjusted), tests=len(ps))) for each in found
    ]
    return [each if each.p is None or each.significant else replace(each, needed=needed(each)) for each in with_p]


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: p_(i) becomes max over j <= i of min(1, (m - j + 1) p_(j))."""
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def needed(found: Comparison) -> int | None:
    """The seeds for 80 % power; None if more than MOST_SEEDS."""
    effect = abs(found.difference) / found.deviation
    return seeds_needed(effect, ALPHA / found.tests, found.n + 1)


def seeds_needed(effect: float, alpha: float = ALPHA, fewest: int = 2) -> int | None:
    """The smallest n >= fewest with 80 % power for a mean difference of `effect` standard deviations."""
    if power(MOST_SEEDS, effect, alpha) < POWER:
        return None
    low, high = fewest, MOST_SEEDS  # power grows with n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, effect, alpha) >= POWER else (middle + 1, high)
    return low


def power(n: int, effect: float, alpha: float = ALPHA) -> float:
    """The probability that a two-sided paired t-test of n differences finds the effect, in its direction."""
    from scipy.stats import nct, t

    return float(nct.sf(t.ppf(1 - alpha / 2, n - 1), n - 1, effect * sqrt(n)))


def by_seed(setting: Setting) -> dict[int, float]:
    """The finished runs' finite test metrics."""
    found = {run.seed: (run.status.get("test") or {}).get(run.metric) for run in setting.runs if run.ending == "done"}
    return {seed: value for seed, value in found.items() if value is not None and isfinite(value)}


def left_out(*sides: tuple[Setting, dict[int, float]]) -> tuple[str, ...]:
    """The seeds missing in a comparison of two settings with values by seed, and why, as text."""
    common = sides[0][1].keys() & sides[1][1].keys()
    texts = []
    for setting, values in sides:
        seeds: dict[str, list[str]] = defaultdict(list)
        for run in setting.runs:
            if run.seed not in common:
                why = "no partner" if run.seed in values else "no value" if run.ending == "done" else run.ending
                seeds[why].append(str(run.seed))
        for why, missing in seeds.items():
            texts.append(f"{setting.optimizer}'s seed{'s' * (len(missing) > 1)} {', '.join(missing)} left out ({why})")
    return tuple(texts)
