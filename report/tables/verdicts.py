"""The comparisons of statistics.py as a table, with a verdict each."""

from __future__ import annotations

from collections.abc import Mapping

from report.tables.statistics import MOST_SEEDS, Comparison, compare
from report.tables.table import Table
from report.tables.text import ABSENT, MOST_DIGITS, decimals, number, scale
from results.settings import Setting

PAIRED = (
    "Differences seed by seed, positive where better than the reference; paired t-tests. p: of a comparison alone; "
    "p (Holm) and the 95 % interval: corrected for the number of comparisons."
)
DETAILS = ("n", "difference", "interval", "p", "p (Holm)")
NEEDED = "n≈: seeds needed for 80 % power if the true effect is the observed one."
SELECTED = (
    "Settings were selected on validation, and the test metric is compared: interval and p cover the variation over "
    "seeds, not that of the selection."
)


def comparison_table(settings: Mapping[str, Setting], baseline: str | None = None, percent: bool = False) -> Table:
    """compare() as a table with its caveats, a row a comparison; percent: show fractions in percent."""
    found = compare(settings, baseline)
    first = next(iter(settings.values()))
    name, factor = scale(first.metric, percent)
    against = f" against {found[0].reference}" if found else ""
    rows = [[each.optimizer, str(each.n), *numbers(each, factor), verdict(each, factor)] for each in found]
    columns = ["optimizer", *DETAILS, "verdict"]
    notes = [PAIRED, *([NEEDED] if any(each.needed for each in found) else []), SELECTED]
    return Table(f"{first.runs[0].task}: test {name}{against}", columns, rows, notes, DETAILS)


def verdict(found: Comparison, factor: float = 1.0) -> str:
    """One line. factor: what the metric is shown multiplied with."""
    return "; ".join([finding(found, factor), *found.left_out])


def finding(found: Comparison, factor: float) -> str:
    size, better = number(factor * abs(found.difference)), "better" if found.difference > 0 else "worse"
    by = f"{better} by {size}" if found.difference else "equal"
    if not found.n:
        return "no common seed: no test"
    if found.n == 1:
        return f"one seed: no test ({by})"
    if found.p is None:
        return f"no test: {by} in each of {found.n} seeds"
    if not found.significant:
        return f"not distinguishable (n={found.n}; {seeds_text(found)})"
    mean, low, high = interval(found, factor, sign=1 if found.difference > 0 else -1)
    p = p_text(found.holm)
    corrected = f", Holm's of {found.tests}" if found.tests > 1 else ""
    return f"{better} by {mean} [{low}, {high}] (n={found.n}; p{p if p.startswith('<') else f'={p}'}{corrected})"


def seeds_text(found: Comparison) -> str:
    if found.needed is not None:
        return f"n≈{found.needed} needed"
    return f"n>{MOST_SEEDS} needed" if found.difference else "the means are equal"


def numbers(found: Comparison, factor: float) -> list[str]:
    """Difference, interval, p and Holm's p."""
    if found.low is None:
        return [number(factor * found.difference) if found.n else ABSENT, *[ABSENT] * 3]
    mean, low, high = interval(found, factor)
    return [mean, f"[{low}, {high}]", p_text(found.p), p_text(found.holm)]


def interval(found: Comparison, factor: float, sign: int = 1) -> list[str]:
    """Mean, low and high, with two significant digits of half the interval's width."""
    assert found.low is not None and found.high is not None
    low, high = sorted(sign * factor * value for value in (found.low, found.high))
    values, places = (sign * factor * found.difference, low, high), decimals((high - low) / 2)
    return [f"{round(value, places) + 0.0:.{places}f}" if places < MOST_DIGITS else f"{value:.1e}" for value in values]


def p_text(p: float | None) -> str:
    if p is None:
        return ABSENT
    return "<0.001" if p < 0.001 else f"{p:.2g}"
