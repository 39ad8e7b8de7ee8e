"""Scores agree with independent computations: enumeration, numerical integration, scipy, closed forms."""

import itertools
import math

import numpy
import pytest

from optim.search_range import SearchRange, complement_range, halton, linear_range, log_range
from report.scores.data import Task, Trial, best_setting, best_settings, results_of, tried_settings
from report.scores.expected_best import expected_best
from report.scores.profile import Profile, profiles
from report.scores.sensitivity import sensitivity
from report.scores.steps import Significance, setting_steps, steps_to_target

INF = math.inf

# --- performance profiles -----------------------------------------------------------------------------------------


def test_profiles_by_hand():
    """Ties share the ratio 1; who does not reach a target, or did not run, is nowhere within a factor."""
    times = {
        "a": {"x": 100, "y": 200, "z": 100},
        "b": {"x": 300, "y": 100, "z": None},
        "c": {"x": INF, "y": None},
        "d": {"x": 50, "y": 250, "z": 50},
    }
    found = {profile.optimizer: profile for profile in profiles(times)}
    assert found["x"].ratios == {"a": 1, "b": 3, "c": INF, "d": 1} and found["z"].ratios["c"] == INF
    assert [found["x"].share(ratio) for ratio in (1, 2.9, 3, 100)] == [0.5, 0.5, 0.75, 0.75]
    assert [found[name].area() for name in "xyz"] == pytest.approx([(3 + 1 + 3) / 12, (2 + 3) / 12, 6 / 12])
    assert [profile.optimizer for profile in profiles(times)] == ["x", "z", "y"]
    assert found["x"].points() == [(1, 0.5), (3, 0.75), (4, 0.75)]
    assert Profile("x", {"a": 1.0}).points(2.0) == [(1, 1), (2, 1)]


def test_a_profiles_area_is_the_integral_of_its_shares():
    """The trapezoidal sum, as AlgoPerf's code has it, on a grid fine enough."""
    generator = numpy.random.default_rng(0)
    for num_tasks, max_ratio in ((1, 4.0), (3, 2.0), (7, 4.0), (9, 10.0)):
        drawn = numpy.where(generator.random((num_tasks, 4)) < 0.2, INF, generator.integers(1, 60, (num_tasks, 4)))
        times = {f"t{i}": dict(zip("abcd", row.tolist(), strict=True)) for i, row in enumerate(drawn)}
        grid = numpy.linspace(1, max_ratio, 20_001)
        ratios = drawn / numpy.where(numpy.isinf(drawn.min(1)), 1, drawn.min(1))[:, None]
        for profile in profiles(times):
            shares = (ratios[:, "abcd".index(profile.optimizer), None] <= grid).mean(0)
            assert profile.area(max_ratio) == pytest.approx(numpy.trapezoid(shares, grid) / (max_ratio - 1), abs=1e-3)
            assert 0 <= profile.share(1) <= profile.area(max_ratio) + 1e-12 <= profile.share(max_ratio) + 2e-12


def test_a_time_that_is_none_is_refused():
    with pytest.raises(ValueError, match="a: x's time to the target, 0, is not above 0"):
        profiles({"a": {"x": 0, "y": 3}})


# --- steps to a target --------------------------------------------------------------------------------------------


def test_the_mean_passes_not_the_seeds():
    """Each seed dips below the target early, at another step; their mean passes later."""
    first = [(10, 0.1), (20, 0.9), (30, 0.4), (40, 0.3)]
    second = [(10, 0.9), (20, 0.1), (30, 0.7), (40, 0.5)]
    assert steps_to_target([first], 0.4, "min") == 10 and steps_to_target([second], 0.4, "min") == 20
    assert steps_to_target([first, second], 0.4, "min") == 40
    assert steps_to_target([first, second], 0.39, "min") is None
    negative = [[(step, -value) for step, value in curve] for curve in (first, second)]
    assert steps_to_target(negative, -0.4, "max") == 40


def test_only_steps_that_all_seeds_have_count():
    whole = [(10, 0.9), (20, 0.5), (30, 0.1)]
    assert steps_to_target([whole, whole[:2]], 0.2, "min") is None  # the second diverged
    assert steps_to_target([whole, whole[1:]], 0.6, "min") == 20 and steps_to_target([], 0.6, "min") is None


#: the first 20 of the 80 losses in records/010425_SoftCap/README.md of the speedrun, against its target
SOFTCAP = [3.2798, 3.2804, 3.2837, 3.2808, 3.2782, 3.2801, 3.283, 3.2825, 3.2777, 3.2769]
SOFTCAP += [3.2834, 3.2832, 3.2753, 3.2809, 3.2778, 3.2801, 3.2799, 3.2804, 3.2765, 3.2792]


def test_significance_is_scipys_test():
    from scipy.stats import ttest_1samp

    generator = numpy.random.default_rng(1)
    for values in (SOFTCAP, generator.normal(3.27, 0.01, 4).tolist(), [3.0, 3.5]):
        expected = ttest_1samp(values, 3.28, alternative="less").pvalue
        assert Significance().p(values, 3.28) == pytest.approx(expected, rel=1e-9)
    assert Significance().p([3.0], 3.28) == 1 and Significance().p([3.0, 3.0], 3.28) == 0
    assert Significance().p([3.28, 3.28], 3.28) == 0 and Significance().p([3.29, 3.29], 3.28) == 1


def test_the_rule_makes_a_target_later():
    curves = [[(10, 0.39 + noise), (20, 0.30 + noise / 50), (30, 0.2)] for noise in (-0.2, 0.0, 0.19)]
    assert steps_to_target(curves, 0.4, "min") == 10
    assert steps_to_target(curves, 0.4, "min", Significance()) == 20
    assert steps_to_target(curves[:1], 0.4, "min", Significance()) is None  # one seed shows nothing
    accuracies = [[(step, 1 - value) for step, value in curve] for curve in curves]
    assert steps_to_target(accuracies, 0.6, "max", Significance()) == 20


# --- the expected best --------------------------------------------------------------------------------------------


def test_the_expected_best_is_the_mean_over_all_draws():
    """Every one of the N^n equally probable draws with replacement; ties, and a trial that failed."""
    for values, better, worst in (
        ([0.3, 0.9, 0.5, 0.5], "max", None),
        ([0.3, 0.9, 0.5, None], "min", None),
        ([2.0, INF, 1.0], "min", 7.0),
        ([4.0], "max", None),
    ):
        finite = [value for value in values if value is not None and value < INF]
        last = worst or (max(finite) if better == "min" else min(finite))
        plain = [value if value is not None and value < INF else last for value in values]
        for found in expected_best(values, better, most=5, worst=worst):
            draws = itertools.product(plain, repeat=found.n)
            best = [(max if better == "max" else min)(draw) for draw in draws]
            assert found.mean == pytest.approx(numpy.mean(best)) and found.deviation == pytest.approx(numpy.std(best))


def test_the_expected_best_improves_with_trials_and_begins_at_the_mean():
    values = numpy.random.default_rng(3).random(30).tolist()
    found = expected_best(values, "max")
    assert len(found) == 30 and found[0].mean == pytest.approx(numpy.mean(values))
    assert all(one.mean < more.mean < max(values) for one, more in itertools.pairwise(found))
    mirrored = expected_best([-value for value in values], "min")
    assert [each.mean for each in mirrored] == pytest.approx([-each.mean for each in found])
    uniform = expected_best([(i + 0.5) / 1000 for i in range(1000)], "max", most=9)[-1]
    assert uniform.mean == pytest.approx(0.9, abs=1e-3)  # of n uniform numbers: n / (n + 1)
    with pytest.raises(ValueError, match="no trial has a value"):
        expected_best([None, INF], "min")


# --- search ranges ------------------------------------------------------------------------------------------------


def test_positions_and_values_are_inverse():
    for range_, middle in (
        (log_range(1e-4, 1), 0.01),
        (linear_range(0.5, 2), 1.25),
        (complement_range(0.9, 0.999), 0.99),
    ):
        assert [range_.position(x) for x in (range_.low, middle, range_.high)] == pytest.approx([0, 0.5, 1])
        assert [range_.value(x) for x in (0, 0.5, 1)] == pytest.approx([range_.low, middle, range_.high])
        assert range_.position(range_.low - 0.5) == 0 and range_.position(range_.high + 0.5) == 1
        for k in range(1, 50):
            (x,) = halton(k, 1)
            assert range_.contains(range_.value(x)) and range_.position(range_.value(x)) == pytest.approx(x, abs=4e-3)


@pytest.mark.parametrize(
    ("values", "said"),
    [((1, 1), "empty"), ((0, 1), "no scale log"), ((0.5, 1, "log_complement"), "no scale"), ((1, 2, "x"), "'x'")],
)
def test_ranges_that_are_none_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        SearchRange(*values)


def test_halton_is_scipys():
    from scipy.stats.qmc import Halton

    expected = Halton(6, scramble=False).random(40)
    assert numpy.array([halton(k, 6) for k in range(40)]) == pytest.approx(expected, abs=1e-12)


# --- sensitivity --------------------------------------------------------------------------------------------------


def test_sensitivity_by_hand():
    """On a log scale of four decades those inside have the measure of one, those at the ends of half of one."""
    space = {"lr": log_range(1e-4, 1)}
    tried = [({"lr": lr}, loss) for lr, loss in ((1e-2, 0.30), (1e-3, 0.35), (1e-4, 0.9), (1, INF), (1e-1, 0.42))]
    for near, share in ((0, 0.25), (0.05, 0.5), (0.12, 0.75), (0.6, 0.875)):
        found = sensitivity(space, tried, near)
        assert found.share == pytest.approx(share) and (found.best, found.num_trials) == (0.30, 5)
    assert sensitivity(space, tried, 0.1, best=0.1).share == 0 and sensitivity(space, tried[:1], 0).share == 1
    twice = [*tried, ({"lr": 1e-2}, 0.5)]  # the same point with another seed: its mean is 0.4
    assert sensitivity(space, twice, 0.0).best == 0.35 and sensitivity(space, twice, 0.0).num_trials == 5
    assert sensitivity({}, [({}, 0.3)], 0).share == 1
    with pytest.raises(ValueError, match="lr"):
        sensitivity(space, [({"momentum": 0.9}, 0.1)], 0)
    with pytest.raises(ValueError, match="no trial"):
        sensitivity(space, [], 0)
    assert sensitivity(space, [({"lr": 1e-4}, -0.97), ({"lr": 1.0}, -0.98)], 0.01).share == 1  # but for rounding


def test_cells_of_two_numbers():
    """A grid of four by three has cells of known size, and points drawn at random have scipy's nearest."""
    from scipy.spatial import cKDTree

    space = {"lr": log_range(1e-4, 1), "momentum": linear_range(0, 1)}
    grid = [({"lr": 10 ** (-3.5 + i), "momentum": (j + 0.5) / 3}, i + 10 * j) for i in range(4) for j in range(3)]
    for near in (0, 1, 3, 11, 30):
        expected = sum(i + 10 * j <= near for i in range(4) for j in range(3)) / 12
        assert sensitivity(space, grid, near).share == pytest.approx(expected, abs=0.01)
    generator = numpy.random.default_rng(5)
    places = generator.random((9, 2))
    tried = [({"lr": 10 ** (-4 + 4 * x), "momentum": y}, float(i)) for i, (x, y) in enumerate(places)]
    nearest = cKDTree(places).query(generator.random((60_000, 2)))[1]
    for near in range(9):
        assert sensitivity(space, tried, near).share == pytest.approx((nearest <= near).mean(), abs=0.01)


# --- tasks and the best setting -----------------------------------------------------------------------------------


def trial(setting, seed, value, ending="done", optimizer="a", task="t", **more):
    values = {} if value is None else {"best": value, "test": value / 2}
    return Trial(task, optimizer, setting, seed, values=values, ending=ending, **more)


def test_losses_of_a_task():
    assert Task("t", "max").loss(0.9) == -0.9 and Task("t", "min").loss(0.9) == 0.9
    toy = Task("t", "min", log_scale=True, floor=1e-8)
    assert toy.loss(1e-3) == -3 and toy.loss(1e-20) == toy.loss(0.0) == -8
    assert [toy.loss(value) for value in (None, math.nan, INF)] == [INF] * 3
    with pytest.raises(ValueError, match="better='most'"):
        Task("t", "most")
    with pytest.raises(ValueError, match="log_scale"):
        Task("t", "max", log_scale=True)


def test_the_best_setting_is_the_reports():
    """By the mean over seeds; those with a diverged run last, before them those with fewer seeds than usual."""
    tuned = [trial("lr=1", 0, 0.80), *(trial("lr=2", seed, 0.7) for seed in range(3)), trial("lr=3", 0, 0.75)]
    spoilt = [*(trial("lr=4", seed, 0.99) for seed in range(2)), trial("lr=4", 2, None, "diverged")]
    tried = tried_settings([Task("t", "max")], [*spoilt, *tuned, trial("x", 0, 1.0, task="another")])
    assert best_setting(tried["t"]["a"]).trials[0].setting == "lr=2"
    assert best_setting(tried["t"]["a"][:1]).trials[0].setting == "lr=4"
    chosen = best_settings(tried)
    assert results_of(chosen) == {"t": {"a": {0: -0.35, 1: -0.35, 2: -0.35}}}
    spoilt_only = results_of(best_settings(tried_settings([Task("t", "max")], spoilt)), "best")
    assert spoilt_only == {"t": {"a": {0: -0.99, 1: -0.99, 2: INF}}}


def test_a_settings_steps():
    curves = [[(1, 0.2), (2, 0.6)], [(1, 0.8), (2, 0.6)]]
    trials = [trial("x", seed, 0.6, curve=curve) for seed, curve in enumerate(curves)]
    for target, expected in ((0.5, 1), (0.6, 2), (0.7, None), (None, None)):
        (setting,) = tried_settings([Task("t", "max", target)], trials)["t"]["a"]
        assert setting_steps(setting) == expected
