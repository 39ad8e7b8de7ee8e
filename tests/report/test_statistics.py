"""Differences, intervals and tests agree with scipy and with published tables, and keep what they promise."""

import numpy
import pytest
from run_folders import write_run

from report.tables import statistics
from report.tables.statistics import Comparison, compare, corrected, holm, power, seeds_needed, with_t_test
from report.tables.verdicts import comparison_table, verdict
from results.find import load_runs as load
from results.settings import best, settings

#: Student's own data ("The Probable Error of a Mean", 1908, section VI): extra hours of sleep of ten patients
LAEVO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
DEXTRO = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]


def write(root, optimizer, values, seeds=None, endings=(), better="max"):
    """A run a seed; validation equals test, and seeds in `endings` ended otherwise."""
    for seed, value in zip(seeds or range(len(values)), values, strict=True):
        status = dict(endings).get(seed, "done")
        found = {"test": {"loss": 1.0, "acc": value}} if status == "done" else {}
        write_run(root, optimizer, seed, value, status, optimizer=optimizer, better=better, found=found)


def chosen(root):
    return {optimizer: own[0] for optimizer, own in best(settings(load(root))).items()}


def one(root, *args, **kwargs):
    (found,) = compare(chosen(root), *args, **kwargs)
    return found


def made(mean, deviation, n, p=None):
    return Comparison("a", "b", n, difference=mean, deviation=deviation, p=p)


# --- one comparison -----------------------------------------------------------------------------------------------


def test_students_sleeping_patients(tmp_path):
    write(tmp_path, "laevo", LAEVO)
    write(tmp_path, "dextro", DEXTRO)
    found = one(tmp_path)
    assert (found.optimizer, found.reference, found.n) == ("dextro", "laevo", 10)
    assert found.difference == pytest.approx(-1.58) and found.deviation == pytest.approx(1.229995, abs=1e-6)
    assert found.difference / (found.deviation / 10**0.5) == pytest.approx(-4.0621, abs=1e-4)
    assert found.p == pytest.approx(0.002833, abs=1e-6)  # as textbooks have it for these data
    assert [found.low, found.high] == pytest.approx([-2.4599, -0.7001], abs=1e-4)
    assert verdict(found) == "worse by 1.58 [0.70, 2.46] (n=10; p=0.0028)"


@pytest.mark.parametrize("n", [2, 3, 8, 30])
def test_scipy_agrees(tmp_path, n):
    from scipy.stats import ttest_rel

    generator = numpy.random.default_rng(n)
    a, b = generator.normal(0.9, 0.02, n), generator.normal(0.88, 0.03, n)
    write(tmp_path, "a", a.tolist())
    write(tmp_path, "b", b.tolist())
    found, expected = one(tmp_path, baseline="b"), ttest_rel(a, b)
    assert found.p == found.holm == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-9)


def test_smaller_is_better_where_the_run_says_so(tmp_path):
    write(tmp_path, "a", [1.0, 1.1, 1.2], better="min")
    write(tmp_path, "b", [2.0, 2.2, 2.1], better="min")
    found = one(tmp_path)
    assert (found.optimizer, found.reference) == ("b", "a") and found.difference == pytest.approx(-1.0)
    assert one(tmp_path, baseline="b").difference == pytest.approx(1.0)


def test_runs_are_paired_by_seed_and_the_rest_is_left_out_aloud(tmp_path):
    write(tmp_path, "a", [0.9, 0.1, 0.5, 0.3], seeds=[7, 1, 5, 2])
    write(tmp_path, "b", [0.4, 0.2, 0.2, 0.9], seeds=[2, 1, 3, 7])
    found = one(tmp_path, baseline="a")
    assert found.n == 3 and found.difference == pytest.approx((0.1 + 0.1 + 0.0) / 3)
    assert verdict(found).endswith("; b's seed 3 left out (no partner); a's seed 5 left out (no partner)")


def test_diverged_runs_are_left_out_aloud(tmp_path):
    write(tmp_path, "a", [0.9, 0.8, 0.7])
    write(tmp_path, "b", [0.5, 0.5, 0.2], endings={1: "diverged"})
    by_name = {setting.optimizer: setting for setting in settings(load(tmp_path))}
    (found,) = compare(by_name, "a")
    assert found.n == 2 and found.difference == pytest.approx(-0.45)
    assert "b's seed 1 left out (diverged)" in verdict(found)


def test_no_test_of_one_seed_nor_of_none(tmp_path):
    write(tmp_path, "a", [0.9])
    write(tmp_path, "b", [0.8])
    write(tmp_path, "c", [0.7], seeds=[3])
    found = compare(chosen(tmp_path))
    assert [verdict(each).partition(";")[0] for each in found] == [
        "one seed: no test (worse by 0.1000)",
        "no common seed: no test",
    ]
    assert all(each.p is each.holm is each.needed is None for each in found)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.9, 0.8, 0.7], "no test: equal in each of 3 seeds"),
        ([0.8, 0.7, 0.6], "no test: worse by 0.1000 in each of 3 seeds"),  # constant but for rounding
    ],
)
def test_no_test_without_variance(tmp_path, values, said):
    write(tmp_path, "a", [0.9, 0.8, 0.7])
    write(tmp_path, "b", values)
    assert verdict(one(tmp_path, baseline="a")) == said


def test_equal_means_are_not_distinguishable_by_any_n(tmp_path):
    write(tmp_path, "a", [0.5, 0.75])
    write(tmp_path, "b", [0.75, 0.5])
    found = one(tmp_path)
    assert found.p == 1 and verdict(found) == "not distinguishable (n=2; the means are equal)"


def test_values_that_are_no_numbers_are_left_out(tmp_path):
    write(tmp_path, "a", [0.9, 0.8, 0.7])
    write(tmp_path, "b", [0.5, 0.1, 0.2])
    runs = load(tmp_path)
    next(run for run in runs if run.optimizer == "b" and run.seed == 1).status["test"]["acc"] = float("nan")
    (found,) = compare({setting.optimizer: setting for setting in settings(runs)}, "a")
    assert found.n == 2 and "b's seed 1 left out (no value); a's seed 1 left out (no partner)" in verdict(found)


def test_an_unknown_baseline_is_refused(tmp_path):
    write(tmp_path, "a", [0.9])
    with pytest.raises(ValueError, match="baseline=c is not among the compared: a"):
        compare(chosen(tmp_path), "c")
    assert compare(chosen(tmp_path)) == []


# --- several ------------------------------------------------------------------------------------------------------


def test_holms_adjustment():
    """By hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, then no less than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0] and holm([]) == []


def test_only_tests_count_as_comparisons():
    found = corrected([made(0.1, 0.02, 3, p=0.01), made(0.1, 0.0, 3), made(0.1, 0.05, 3, p=0.04)])
    assert [each.tests for each in found] == [2, 0, 2]
    assert [each.holm for each in found] == [0.02, None, 0.04]


def test_the_best_is_chosen_on_validation_and_compared_on_test(tmp_path):
    for seed in range(3):
        for name, val, test in (("a", 0.9, 0.5), ("b", 0.8, 0.6 + seed / 50)):
            write_run(tmp_path, name, seed, val, optimizer=name, found={"test": {"loss": 1.0, "acc": test}})
    found = one(tmp_path)
    assert (found.reference, found.difference) == ("a", pytest.approx(0.12))


def test_the_table_says_what_was_compared(tmp_path):
    write(tmp_path, "a", [0.90, 0.91, 0.92, 0.93])
    write(tmp_path, "b", [0.70, 0.72, 0.71, 0.74])
    write(tmp_path, "c", [0.90, 0.92, 0.91, 0.91])
    write(tmp_path, "d", [0.5], seeds=[8])
    table = comparison_table(chosen(tmp_path), percent=True)
    assert table.title == "digits: test acc (%) against a"
    b, c, d = table.rows
    assert b[:6] == ["b", "4", "-19.8", "[-21.7, -17.8]", "<0.001", "<0.001"]
    assert b[6] == "worse by 19.8 [17.8, 21.7] (n=4; p<0.001, Holm's of 2)"
    assert c[2:6] == ["-0.5", "[-2.6, 1.6]", "0.5", "0.5"]
    assert c[6].startswith("not distinguishable (n=4; n≈") and "needed)" in c[6]
    assert d[1:6] == ["0", "-", "-", "-", "-"]
    assert any("selected on validation" in note for note in table.notes)


# --- power --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_seeds_needed_as_published(effect, n):
    """Small, medium and large effects at 5 % and 80 %, paired: as every table of Cohen's has them."""
    assert seeds_needed(effect) == n
    assert power(n, effect) >= 0.8 > power(n - 1, effect)


def test_power_is_how_often_the_test_finds_the_effect():
    generator = numpy.random.default_rng(0)
    differences = generator.normal(0.7, 1.0, (20_000, 12))
    t = differences.mean(1) / (differences.std(1, ddof=1) / 12**0.5)
    assert power(12, 0.7) == pytest.approx((t > 2.200985).mean(), abs=0.01)  # t_{0.975, 11}


def test_seeds_needed_at_the_ends():
    assert seeds_needed(0.01) is None and seeds_needed(0.0) is None
    assert seeds_needed(1e6) == 2 and seeds_needed(100.0, 0.005, fewest=3) == 3


@pytest.mark.parametrize("tests", [1, 5])
def test_what_is_not_told_needs_more_seeds_than_there_are(tests):
    for n in (2, 3, 10):
        for effect in (0.1, 0.5, 1.0, 3.0, 30.0):
            found = corrected([with_t_test(made(effect, 1.0, n))] * tests)[0]
            assert found.significant or found.needed is None or found.needed > n


def test_more_comparisons_need_more_seeds():
    few = corrected([made(0.5, 1.0, 5, p=0.3)])[0]
    many = corrected([made(0.5, 1.0, 5, p=0.3)] * 6)[0]
    assert few.needed == 34 and many.needed == 52
    assert "n≈34 needed" in verdict(few)
    assert integrated(52, 0.5, 0.05 / 6) >= 0.8 > integrated(51, 0.5, 0.05 / 6)


def integrated(n, effect, alpha):
    """The power without scipy's noncentral t: P(Z + effect sqrt(n) > t s), averaged over what s can be."""
    from scipy.stats import chi2, norm, t

    s = (chi2.ppf((numpy.arange(20_000) + 0.5) / 20_000, n - 1) / (n - 1)) ** 0.5
    return norm.sf(t.ppf(1 - alpha / 2, n - 1) * s - effect * n**0.5).mean()


# --- what is promised ---------------------------------------------------------------------------------------------


def simulated(generator, mean, n=5):
    values = generator.normal(mean, 1.0, n)
    return corrected([with_t_test(made(float(values.mean()), float(values.std(ddof=1)), n))])[0]


def test_intervals_hold_the_true_difference_in_95_of_100_tables():
    generator = numpy.random.default_rng(1)
    found = [simulated(generator, 0.7) for _ in range(1000)]
    covered = sum(each.low <= 0.7 <= each.high for each in found) / 1000
    assert covered == pytest.approx(0.95, abs=0.021)  # three standard errors


@pytest.mark.parametrize("tests", [1, 2, 5])
def test_an_interval_excludes_zero_exactly_where_the_verdict_is_a_difference(tests):
    """Some of these differences would be significant alone, and are not in their table."""
    generator = numpy.random.default_rng(3)
    both, only_alone = set(), 0
    for _ in range(200):
        spread = [generator.normal(0.8, 1.0, 5) for _ in range(tests)]
        found = corrected([with_t_test(made(float(v.mean()), float(v.std(ddof=1)), 5)) for v in spread])
        for each in found:
            assert each.significant == (each.low > 0 or each.high < 0) == ("distinguishable" not in verdict(each))
            both.add(each.significant)
            only_alone += each.p < statistics.ALPHA and not each.significant
    assert both == {True, False} and (only_alone > 10) == (tests > 1)


def test_no_more_than_5_of_100_tables_make_a_false_claim():
    """Eight comparisons with one reference, which makes them dependent, none of them different: Holm keeps 5 %, and
    without it many more tables would claim something."""
    from scipy.stats import t

    values = numpy.random.default_rng(2).normal(0, 1, (3000, 9, 5))
    differences = values[:, 1:] - values[:, :1]
    found = differences.mean(2) / (differences.std(2, ddof=1) / 5**0.5)
    ps = 2 * t.sf(abs(found), 4)
    claims = numpy.mean([min(holm(table)) < statistics.ALPHA for table in ps.tolist()])
    assert claims < 0.05 + 0.012  # three standard errors
    assert (ps.min(1) < statistics.ALPHA).mean() > 0.15
