"""Formats of numbers in tables and sentences.

A deviation has two significant digits and its mean as many decimals; a number without one has four significant
digits. Metrics that are fractions are shown as they are recorded, or, where asked for, in percent.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from math import floor, isfinite, log10

from report.names import FRACTIONS

ABSENT = "-"
SMALL, LARGE = 1e-3, 1e6  # outside of these a power of ten stands beside the number
MOST_DIGITS = 8  # of a mean, however small its deviation


class Spread(str):
    """The mean of values, ± their standard deviation (n - 1) where there are several; as text, and as numbers."""

    mean: float
    deviation: float | None

    def __new__(cls, values: Sequence[float], factor: float = 1, after: str = "") -> Spread:
        """factor: what the values are multiplied with. after: text behind the numbers. values: one at least."""
        scaled = [factor * value for value in values]
        mean = statistics.fmean(scaled) if len(scaled) > 1 else scaled[0]
        deviation = statistics.stdev(scaled) if len(scaled) > 1 else None
        self = super().__new__(cls, with_deviation(mean, deviation) + after)
        self.mean, self.deviation = mean, deviation
        return self


def with_deviation(mean: float, deviation: float | None) -> str:
    """`0.934 ± 0.016`: two significant digits of the deviation, and as many decimals of the mean."""
    if deviation is None or not isfinite(deviation):
        return number(mean)
    if deviation == 0:
        return f"{mean:.4g} ± 0"
    largest = max(abs(mean), deviation)
    if not SMALL <= largest < LARGE:
        power = magnitude(largest)
        return f"({with_deviation(mean / 10.0**power, deviation / 10.0**power)})e{power:+03d}"
    places = decimals(deviation)
    if magnitude(largest) + places >= MOST_DIGITS:
        return f"{mean:.{MOST_DIGITS - 1 - magnitude(largest)}f} ± {deviation:.1e}"
    return f"{mean:.{places}f} ± {deviation:.{places}f}"


def number(value: float) -> str:
    """Four significant digits; whole numbers that are counts as they are."""
    if isinstance(value, int) or not isfinite(value) or value == 0:
        return f"{value:.15g}"
    if not SMALL <= abs(value) < LARGE:
        return f"{value:.3e}"
    return f"{value:.{max(0, 3 - magnitude(float(f'{value:.3e}')))}f}"


def count(values: Sequence[int]) -> str:
    """`5`, or `3 to 5` where they differ."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def magnitude(value: float) -> int:
    """The power of ten of the first digit."""
    return floor(log10(abs(value)))


def decimals(deviation: float) -> int:
    """Digits behind the point that show two significant ones of it."""
    return max(0, 1 - magnitude(float(f"{deviation:.1e}")))


def scale(metric: str, percent: bool) -> tuple[str, float]:
    """A metric's name in a heading and what its values are multiplied with."""
    return (f"{metric} (%)", 100) if percent and metric in FRACTIONS else (metric, 1)
