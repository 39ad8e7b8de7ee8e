"""Ranks, their bootstrap intervals, and wins: by hand, by enumeration, and by simulation of what they promise."""

import itertools
import math

import numpy
import pytest
from scipy.stats import rankdata, ttest_rel

from report.scores.ranks import mean_ranks
from report.scores.wins import duels
from report.tables.statistics import holm

INF = math.inf


def results_from(losses):
    """Results of an array of tasks by optimizers by seeds."""
    return {
        f"t{i}": {f"o{j}": dict(enumerate(row)) for j, row in enumerate(table)}
        for i, table in enumerate(losses.tolist())
    }


# --- ranks --------------------------------------------------------------------------------------------------------


def test_ranks_by_hand():
    """Equal means share their ranks, as do those without a value; who did not run is among the last."""
    results = {
        "t": {"a": {0: 1.0, 1: 3.0}, "b": {0: 2.0, 1: 2.0}, "c": {0: 5.0, 1: 5.0}, "d": {0: 0.0, 1: INF}},
        "u": {"a": {0: 2.0}, "b": {0: 1.0}, "c": {0: INF}},
    }
    found = {rank.optimizer: rank for rank in mean_ranks(results, replicates=50)}
    assert {name: rank.by_task for name, rank in found.items()} == {
        **{"a": (1.5, 2.0), "b": (1.5, 1.0), "c": (3.0, 3.5), "d": (4.0, 3.5)}
    }
    assert [rank.optimizer for rank in mean_ranks(results, 50)] == ["b", "a", "c", "d"]
    assert found["a"].mean == 1.75 and all(rank.low <= rank.mean <= rank.high for rank in found.values())
    with pytest.raises(ValueError, match="nothing can be ranked"):
        mean_ranks({})


def test_an_interval_is_that_of_all_equally_probable_draws():
    """Two tasks with two seeds that all optimizers share: 4 draws of tasks, with 4 draws of seeds for each task drawn.
    With a seed of its own, an optimizer's seeds are drawn by themselves: 2^6 draws of seeds for each task drawn."""
    losses = numpy.array([[[0.0, 4.0], [1.0, 2.0], [1.5, 1.8]], [[1.0, 0.0], [0.5, 0.8], [0.2, 2.0]]])
    for shared in (True, False):
        results = results_from(losses)
        if not shared:
            results["t0"]["o0"] = {7: 0.0, 1: 4.0}
            results["t1"]["o0"] = {7: 1.0, 1: 0.0}
        by_task = [[ranks_by_hand(table, seeds) for seeds in seed_draws(shared)] for table in losses]
        means = [
            (one + other) / 2
            for i, j in itertools.product(range(2), repeat=2)
            for one in by_task[i]
            for other in by_task[j]
        ]
        for rank in mean_ranks(results, replicates=20_000):  # of two tasks the expanded interval is the whole range
            j = int(rank.optimizer[1:])
            assert (rank.low, rank.high) == (min(means, key=lambda m: m[j])[j], max(means, key=lambda m: m[j])[j])
        # level 0.11: 0.4 expands to where the tail is 0.4, and the quantiles are no steps of the distribution
        middle = {rank.optimizer: (rank.low, rank.high) for rank in mean_ranks(results, 40_000, level=0.11)}
        tail = 0.403
        for j in range(3):
            expected = numpy.quantile([m[j] for m in means], [tail, 1 - tail], method="inverted_cdf")
            assert middle[f"o{j}"] == pytest.approx(tuple(expected))


def seed_draws(shared):
    """The seeds of three optimizers in every draw."""
    pairs = list(itertools.product(range(2), repeat=2))
    return [(pair,) * 3 for pair in pairs] if shared else list(itertools.product(pairs, repeat=3))


def ranks_by_hand(table, seeds):
    return rankdata([row[list(own)].mean() for row, own in zip(table, seeds, strict=True)])


def test_the_bootstrap_is_the_same_every_time_and_knows_no_scale():
    losses = numpy.random.default_rng(2).normal(size=(6, 4, 3))
    one = mean_ranks(results_from(losses), 300)
    assert one == mean_ranks(results_from(losses), 300) == mean_ranks(results_from(100 * losses - 7), 300)
    assert one != mean_ranks(results_from(losses), 300, seed=1)
    assert sum(rank.mean for rank in one) == pytest.approx(4 * 2.5)
    single = mean_ranks({"t": {"a": {0: 1.0}, "b": {0: 2.0}}}, 50)
    assert [(rank.low, rank.mean, rank.high) for rank in single] == [(1, 1, 1), (2, 2, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tasks", "seeds", "spread", "noise", "least"),
    [(10, 5, 1.0, 0.3, 0.925), (9, 3, 1.0, 1.0, 0.95), (10, 5, 0.3, 1.0, 0.97), (5, 5, 1.0, 0.3, 0.87)],
)
def test_intervals_hold_the_true_mean_rank(tasks, seeds, spread, noise, least):
    """Suites drawn anew: each task moves the optimizers by `spread`, each seed by `noise`, half of it in common.

    Nominal are 95 %; the share of 300 suites and 5 optimizers has a standard error of about 0.01.
    """
    generator = numpy.random.default_rng(11)

    def suites(number):
        centres = 0.3 * numpy.arange(5) + generator.normal(0, spread, (number, 5))
        common = generator.normal(0, noise, (number, 1, seeds))
        return centres[:, :, None] + common + generator.normal(0, noise, (number, 5, seeds))

    true = rankdata(suites(50_000).mean(2), axis=1).mean(0)
    held = []
    for repetition in range(300):
        for rank in mean_ranks(results_from(suites(tasks)), replicates=500, seed=repetition):
            held.append(rank.low <= true[int(rank.optimizer[1:])] <= rank.high)
    assert least <= numpy.mean(held) <= 0.9995


# --- wins, ties and losses ----------------------------------------------------------------------------------------


def test_wins_are_scipys_tests_with_holms_correction():
    losses = numpy.random.default_rng(4).normal(0, 1, (8, 3, 6))
    losses[:, 0] -= numpy.linspace(0, 4, 8)[:, None]
    for found in duels(results_from(losses), "o0"):
        other = losses[:, int(found.baseline[1:])]
        ps = [ttest_rel(losses[i, 0], other[i]).pvalue for i in range(8)]
        adjusted = holm(ps)
        assert [found.comparisons[f"t{i}"].p for i in range(8)] == pytest.approx(ps)
        assert [found.comparisons[f"t{i}"].holm for i in range(8)] == pytest.approx(adjusted)
        better = losses[:, 0].mean(1) < other.mean(1)
        words = ["tie" if p >= 0.05 else "win" if won else "loss" for p, won in zip(adjusted, better, strict=True)]
        assert [*found.verdicts.values()] == words and {"win", "tie"} <= set(words)
        assert found.tasks("win") == [f"t{i}" for i in range(8) if words[i] == "win"]


def test_the_other_side_of_a_duel_is_its_mirror_image():
    losses = numpy.random.default_rng(6).normal(0, 1, (11, 2, 4))
    losses[:, 0] += numpy.linspace(-30, 30, 11)[:, None]
    (one,), (other,) = duels(results_from(losses), "o0"), duels(results_from(losses), "o1")
    assert {"win", "tie", "loss"} == set(one.verdicts.values())
    mirrored = {"win": "loss", "loss": "win", "tie": "tie"}
    assert other.verdicts == {task: mirrored[word] for task, word in one.verdicts.items()}


def test_duels_without_a_test():
    """Equal, equally different without noise, one seed, no common seed, diverged on one side, on both; not run."""
    cases = {
        "equal": ({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}, "tie"),
        "constant": ({0: 1.0, 1: 2.0}, {0: 2.0, 1: 3.0}, "win"),
        "one seed": ({0: 1.0}, {0: 9.0}, "tie"),
        "no common seed": ({0: 1.0, 1: 1.0}, {2: 9.0, 3: 9.0}, "tie"),
        "theirs diverged": ({0: 1.0, 1: 1.0}, {0: 0.0, 1: INF}, "win"),
        "ours diverged": ({0: INF, 1: INF}, {0: 1.0, 1: 1.5}, "loss"),
        "both": ({0: INF, 1: 1.0}, {0: INF, 1: INF}, "tie"),
    }
    results = {task: {"a": ours, "b": theirs} for task, (ours, theirs, _) in cases.items()}
    (found,) = duels({**results, "not run": {"b": {0: 1.0}}}, "a", ["b"])
    assert found.verdicts == {task: word for task, (_, _, word) in cases.items()}
    with pytest.raises(ValueError, match="c has no results; those that have are a, b"):
        duels(results, "a", ["c"])


@pytest.mark.slow
def test_an_optimizer_is_no_better_than_itself_in_95_of_100_suites():
    """Nine tasks, five seeds, other noise for each side: a false win or loss is rarer than Holm's 5 %."""
    losses = numpy.random.default_rng(8).normal(0, 1, (300, 9, 2, 5))
    claims = [set(found.verdicts.values()) != {"tie"} for suite in losses for found in duels(results_from(suite), "o0")]
    assert 0.01 < numpy.mean(claims) < 0.05 + 0.038  # three standard errors
