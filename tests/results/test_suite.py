"""Suites are read and checked: every task composes with any optimizer, and what is wrong is named."""

import pytest

from report.scores.data import Task
from results.suite import read_suite, suite_names
from runner.config.compose import compose
from runner.config.validate import validate

NAMES = [name if name == "quick" else pytest.param(name, marks=pytest.mark.slow) for name in suite_names()]


@pytest.mark.parametrize("name", NAMES)
def test_every_task_of_a_suite_composes(name):
    """Its metric is the task's own, and the scores take what it says."""
    for label, task in read_suite(name).tasks.items():
        config = validate(compose(*read_suite(name).shared, *task.words(), "optim=lion", "seed=1"))
        assert config.settings.epochs == task.epochs and config.optim.name == "lion", label
        assert (task.metric, task.better) == (config.task.metric, config.task.better), label
        assert Task(label, task.better, task.target, task.near, task.log_scale, task.floor).name == label


def test_the_quick_suite_covers_what_it_is_for():
    quick = read_suite("quick")
    words = [word for task in quick.tasks.values() for word in task.overrides]
    wanted = {"task=rosenbrock", "task=quadratic", "task=digits", "task=mnist", "task=autoencoder", "task=char_lm"}
    assert wanted <= set(words) and "task=word_lm" in words and "task=regression" in words
    assert quick.num_runs(2) == 2 * (quick.trials + len(quick.seeds) - 1)
    replaced = {task.instead_of for task in quick.tasks.values()}
    assert all(name in replaced for name, task in quick.tasks.items() if task.has_files)


TASK = "{overrides: [task=digits], epochs: 1, metric: acc, better: max, near: 0.1%s}"
WHOLE = f"# For a test of what is wrong\ntrials: 2\nseeds: [0, 1]\ntasks: {{a: {TASK}}}\n"


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        (("trials: 2", "trials: 0"), ["trials=0", "[1, inf)"]),
        (("[0, 1]", "[0, 0]"), ["seeds=[0, 0]", "twice"]),
        (("epochs: 1, ", ""), ["tasks.a.epochs is missing"]),
        (("better: max", "better: most"), ["tasks.a.better=most", "min, max"]),
        (("near: 0.1", "nearly: 0.1"), ["tasks.a.nearly is not a key", "near"]),
        (("task=digits", "optim.lr=1"), ["tasks.a", "optim.lr=1"]),
        (("near: 0.1", "near: 0.1, instead_of: a"), ["tasks.a", "instead_of=a", "has_files"]),
        (("near: 0.1", "near: 0.1, log_scale: true"), ["tasks.a", "log_scale"]),
        (("{a: ", "{} # "), ["tasks is empty"]),
        (("trials: 2", "trials: 2\nsignificance: 1"), ["significance=1", "(0, 1)"]),
    ],
)
def test_a_suite_that_is_wrong_is_refused(tmp_path, change, facts):
    text = (WHOLE % "").replace(*change)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError) as error:
        read_suite("mine", tmp_path)
    assert "configs/suite/mine.yaml" in str(error.value) and all(fact in str(error.value) for fact in facts)


def test_an_unknown_suite_is_named():
    with pytest.raises(ValueError, match="suite=quik is unknown; .*quick"):
        read_suite("quik")
