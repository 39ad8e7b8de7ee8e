"""Agreement of our results with published ones: one rule, as text (RULE) and in code (`judge`)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, log10, nan, sqrt

from report.published.matching import MatchingSetting, values
from report.published.numbers import Block, Point, Published, Row

LEVEL = 0.95
RULE = (
    "match: the published value lies within the 95 % interval of our mean (Student's t over our n runs), if that is no "
    "wider than what is close, or within the error of rounding or reading; or neither learns.",
    "close: the two means differ by no more than the bound. miss: they differ by more, or all our runs diverged.",
    "not comparable: the protocols differ as said, the best published learning rate was not run, some of our runs have "
    "no value, one run has no interval, or the means differ by more than is close but by less than our interval, which "
    "is then too wide to decide.",
)


@dataclass(frozen=True)
class Agreement:
    """verdict: match, close, miss or not comparable. mean, half: ours ± its 95 % interval, in the published unit.

    half is nan for one run, and 0 where nothing is random."""

    verdict: str
    reason: str
    mean: float = nan
    half: float = nan
    n: int = 0

    def __str__(self) -> str:
        return f"{self.verdict} ({self.reason})" if self.reason else self.verdict


def judge(paper: Published, block: Block, row: Row, point: Point, ours: MatchingSetting) -> Agreement:
    """Compare one published value with our setting for it."""
    runs = ours.setting.runs
    found = values(block, ours.setting, point.x if block.by == "epoch" else None)
    mean, half = interval(found, paper.exact)
    diverged = sum(run.ending == "diverged" for run in runs)
    reasons = [*([row.differs] if row.differs else []), *ours.differences]
    if neither_learns(block, point, found) and diverged + len(found) == len(runs):
        verdict, reason = "match", "neither learns"
    elif diverged == len(runs):
        verdict, reason = "miss", "all our runs diverged"
    else:
        reasons += shortfalls(paper, block, ours, len(found), diverged)
        verdict, reason = compared(block, point, mean, half) if found else ("", "")
    if reasons:
        verdict, reason = "not comparable", "; ".join(reasons)
    return Agreement(verdict, reason, mean, half, len(found))


def shortfalls(paper: Published, block: Block, ours: MatchingSetting, n: int, diverged: int) -> list[str]:
    """The numbers of the setting's runs that have no value, as text."""
    of, done = f"of {len(ours.setting.runs)} runs", sum(run.ending == "done" for run in ours.setting.runs)
    unfinished = len(ours.setting.runs) - done - diverged
    found = [f"{number} {of} {what}" for number, what in ((diverged, "diverged"), (unfinished, "unfinished")) if number]
    if n < done:
        found.append(f"{block.metric} not recorded" + (f" by {done - n} {of}" if n else ""))
    early = sum(bool(run.status.get("stopped_early")) for run in ours.setting.runs)
    if early and block.where in ("final", "test_last"):
        found.append(f"{early} {of} stopped early")
    if n == 1 and not paper.exact:
        found.append("n=1: no interval")
    return found


def compared(block: Block, point: Point, mean: float, half: float) -> tuple[str, str]:
    """(verdict, reason) by the numbers alone."""
    off, close = mean - point.value, block.threshold(point.value)
    if abs(off) <= block.tolerance or abs(off) <= half <= close:
        return "match", ""
    if abs(off) <= close:
        return "close", difference_text(block, off)
    if abs(off) <= half:
        return "not comparable", f"our interval, ±{format_like(block, half)}, is too wide to decide"
    return "miss", difference_text(block, off)


def neither_learns(block: Block, point: Point, found: Sequence[float]) -> bool:
    """Whether the published value and each of ours, if there are any, is one at which nothing was learnt."""
    return block.failed is not None and max([point.value, *found]) <= block.failed


def difference_text(block: Block, off: float) -> str:
    """`better by 0.21 points`; `larger by 0.03` where neither is better."""
    if not isfinite(off):
        return "ours is no number"
    words = ("larger", "smaller") if not block.better else ("better", "worse")
    word = words[(off > 0) == (block.better == "min")]
    return f"{word} by {format_like(block, abs(off))}{' points' if block.unit else ''}"


def interval(found: Sequence[float], exact: bool = False) -> tuple[float, float]:
    """The mean and half the width of its 95 % interval, t_{0.975, n-1} s / sqrt(n) (Student, 1908)."""
    if not found:
        return nan, nan
    mean = statistics.fmean(found)
    if exact:
        return mean, 0.0
    if len(found) == 1 or not all(map(isfinite, found)):
        return mean, nan
    from scipy.stats import t

    quantile = float(t.ppf((1 + LEVEL) / 2, len(found) - 1))
    return mean, quantile * statistics.stdev(found) / sqrt(len(found))


def format_like(block: Block, value: float) -> str:
    """With the decimals of the block's published values, as far as these are exact; with more where that would be 0."""
    places = max(decimals(point.value) for row in block.rows for point in row.points)
    if block.tolerance:
        places = min(places, max(0, ceil(-log10(block.tolerance))))
    while 0 < abs(value) < 0.5 * 10**-places and places < 9:
        places += 1
    return f"{value:.{places}f}"


def decimals(value: float) -> int:
    return len(f"{value:.9f}".rstrip("0").partition(".")[2])
