"""The filter against what it must keep, and curves that are too short for it."""

from statistics import median

import numpy
import pytest

from report.figures.smoothing import running, smoothed, window_for


def test_windows_are_odd_and_at_most_a_quarter():
    assert [window_for(n) for n in (10, 19, 20, 28, 40, 324, 12000)] == [0, 0, 5, 7, 9, 81, 81]
    assert window_for(1000, 40) == 39
    with pytest.raises(ValueError, match="window of 4 points smooths nothing with order 3"):
        window_for(100, 4)


def test_a_cubic_stays_and_noise_shrinks():
    x = numpy.linspace(-1, 1, 400)
    cubic = 2 + x - x**3
    noise = numpy.random.default_rng(0).normal(0, 0.1, 400)
    assert smoothed(cubic) == pytest.approx(cubic)
    assert numpy.std(smoothed(cubic + noise) - cubic) < 0.3 * numpy.std(noise)


def test_logarithms_are_smoothed_where_the_axis_is_logarithmic():
    fall = numpy.exp(-numpy.linspace(0, 30, 400))
    assert smoothed(fall, log=True) == pytest.approx(fall)


def test_nothing_leaves_the_values_range_and_short_curves_stay():
    step = numpy.repeat([1.0, 0.0], 100)
    assert smoothed(step, 41).min() == 0 and smoothed(step, 41).max() == 1
    short = numpy.array([1.0, 9.0, 2.0])
    assert smoothed(short) is short


def test_running_statistics_span_a_part_of_the_values():
    assert running(median, [1.0, 9.0], 20) == [1.0, 9.0]
    values = [float(i % 2) for i in range(79)] + [50.0]
    medians = running(median, values, 20)
    assert max(medians) == 1.0 and len(medians) == 80
