"""Smoothing of noisy curves, as nicklashansen/neural-net-optimization (2020) drew its losses.

There each minibatch is a point; solid is a filter of Savitzky and Golay (Analytical Chemistry, 1964) of 81 points
and order 3, pale behind it the same with 21 points. Deviations, all ours: behind lie the raw values; a short curve has
a window of at most a quarter of its points; on a logarithmic axis the logarithm is smoothed, as a polynomial through a
loss near 0 would fall below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

WINDOW, ORDER = 81, 3  # points, degree of the polynomial
LARGEST_PART = 4  # the window is at most 1 / so much of a curve


def window_for(points: int, window: int = WINDOW) -> int:
    """The odd number of points that a curve's filter spans; 0 where it is too short for one to smooth anything.

    Raises ValueError for a window that can't hold the polynomial.
    """
    if window < ORDER + 2:
        raise ValueError(f"a window of {window} points smooths nothing with order {ORDER}; at least {ORDER + 2}")
    fitting = (min(window, points // LARGEST_PART) - 1) // 2 * 2 + 1
    return fitting if fitting >= ORDER + 2 else 0


def smoothed(values: numpy.ndarray, window: int = WINDOW, log: bool = False) -> numpy.ndarray:
    """The values, filtered, within their range; log: filter their logarithms.

    A curve too short for the filter stays as it is.
    """
    import numpy
    from scipy.signal import savgol_filter

    fitting = window_for(len(values), window)
    if not fitting:
        return values
    filtered = numpy.asarray(savgol_filter(numpy.log(values) if log else values, fitting, ORDER))
    return numpy.clip(numpy.exp(filtered) if log else filtered, values.min(), values.max())


def running(statistic: Callable[[Sequence[float]], float], values: Sequence[float], parts: int) -> list[float]:
    """A statistic over the window around each value, 1 / parts of all values wide and smaller at the ends."""
    half = len(values) // parts // 2
    return [statistic(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]
