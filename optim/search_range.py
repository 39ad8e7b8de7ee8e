"""Ranges in which numbers are searched, each with its scale, and the points at which a search tries them.

    log_range(1e-4, 1)             a learning rate: every factor of ten has the same share of the range
    linear_range(0.5, 2)
    complement_range(0.5, 0.999)   a momentum: log of 1 - x, so that 0.9 to 0.99 has the share of 0.99 to 0.999
    halton(k, dimensions)          the k-th point of a cube, the same in every search

Imports nothing of the package, so that reports measure on the same scales.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

SCALES = ("log", "linear", "log_complement")
PRIMES = (2, 3, 5, 7, 11, 13)
DIGITS = 3  # significant, of a value that a search tries


@dataclass(frozen=True)
class SearchRange:
    """The numbers from low to high, both included. scale: a word of SCALES.

    Raises ValueError for an empty range and for a bound that the scale does not have.
    """

    low: float
    high: float
    scale: str = "log"

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale {self.scale!r} is none of {', '.join(SCALES)}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"a search range from {self.low!r} to {self.high!r} is empty")
        if (self.scale == "log" and self.low <= 0) or (self.scale == "log_complement" and self.high >= 1):
            raise ValueError(f"a search range from {self.low!r} to {self.high!r} has no scale {self.scale}")

    def position(self, value: float) -> float:
        """Where a value lies on the scale: 0 at low, 1 at high; values outside count as the nearer bound."""
        inside = min(max(value, self.low), self.high)
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(inside) - low) / (high - low)

    def value(self, position: float) -> float:
        """The value at a position between 0 and 1, to three significant digits (of 1 - value for log_complement)."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = low + position * (high - low)
        if self.scale == "log_complement":
            found = round(1 - _rounded(math.exp(-scaled)), 12)
        else:
            found = _rounded(math.exp(scaled) if self.scale == "log" else scaled)
        return min(max(found, self.low), self.high)

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high

    def _scaled(self, value: float) -> float:
        if self.scale == "log":
            return math.log(value)
        return value if self.scale == "linear" else -math.log1p(-value)

    def __str__(self) -> str:
        scale = {"log": ", log", "linear": "", "log_complement": ", log of 1 - x"}[self.scale]
        return f"{self.low:g} to {self.high:g}{scale}"


def log_range(low: float, high: float) -> SearchRange:
    return SearchRange(low, high, "log")


def linear_range(low: float, high: float) -> SearchRange:
    return SearchRange(low, high, "linear")


def complement_range(low: float, high: float) -> SearchRange:
    return SearchRange(low, high, "log_complement")


def halton(k: int, dimensions: int) -> tuple[float, ...]:
    """Point k >= 1 of the Halton sequence in a unit cube of at most six dimensions.

    Coordinate j is the radical inverse of k in the j-th prime p: k's digits in base p, mirrored at the point (Halton,
    Numerische Mathematik, 1960). AlgoPerf tunes with such points, too (Dahl et al., "Benchmarking Neural Network
    Training Algorithms", 2023).
    """
    return tuple(_radical_inverse(k, prime) for prime in PRIMES[:dimensions])


def _radical_inverse(k: int, base: int) -> float:
    numerator, denominator = 0, 1
    while k:
        k, digit = divmod(k, base)
        numerator, denominator = numerator * base + digit, denominator * base
    return numerator / denominator


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


#: ranges by the names of arguments, or of a list's element: "lr", "betas[0]"
Space = Mapping[str, SearchRange]
