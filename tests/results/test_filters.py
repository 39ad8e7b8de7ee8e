"""Filters choose the runs they mean, and a mistake is answered with what would be right."""

import pytest
from run_folders import write_run

from results.filters import distinct, matches, parse_filter, select
from results.find import load_runs as load
from results.values import format_value


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """adam and aggmo, two learning rates, three seeds; adam with lookahead; one diverged; another task."""
    root = tmp_path_factory.mktemp("runs")
    for optimizer, betas in (("adam", [0.9, 0.999]), ("aggmo", [0, 0.9, 0.99])):
        for lr in (0.01, 0.1):
            for seed in range(3):
                more = {
                    "optim.betas": betas,
                    "amp": "none",
                    "track": seed == 2,
                    "finetune": {"epochs": 0, "warm": False},
                }
                write_run(root, f"{optimizer},lr={lr}", seed, optimizer=optimizer, lr=lr, config=more)
    wrapped = {"wrap": {"lookahead": {"name": "lookahead", "k": 5}, "gradient_noise": {"name": "gradient_noise"}}}
    write_run(root, "adam,lookahead", optimizer="adam", status="diverged", config=wrapped)
    write_run(root, "sgd", optimizer="sgd", task="mnist", config={"optim.lr_schedule.name": "cosine"})
    return load(root)


@pytest.mark.parametrize(
    "where, count",
    [
        ("", 14),
        ("optim=aggmo,adam", 13),
        ("optim.name=sgd", 1),
        ("task=digits", 13),
        ("data=digits model=mlp", 14),
        ("seed=0,1", 10),
        ("optim.lr=0.01", 6),
        ("optim.lr=1e-2", 6),
        ("optim.lr=.01,1e-1", 14),
        ("optim=adam optim.lr=0.1 seed=2", 1),
        ("status=done", 13),
        ("status=diverged", 1),
        ("wrap=lookahead", 1),
        ("wrap=gradient_noise,none", 14),
        ("wrap=none", 13),
        ("optimizer=adam", 6),
        ("optimizer=adam+lookahead+gradient_noise", 1),
        ("wrap.lookahead.k=5", 1),
        ("setting=adam,lr=0.1", 3),
        ("optim.betas=[0, 0.9, 9.9e-1]", 6),
        ("optim.betas=[0.9,0.999],[0,0.9,0.99]", 12),
        ("optim.lr_schedule=cosine", 1),
        ("limit_train=null", 14),
        ("track=true", 4),
        ("finetune.warm=False", 12),
    ],
)
def test_filters_choose(runs, where, count):
    words = [where] if "[" in where else where.split()
    assert len(select(runs, words)) == count


@pytest.mark.parametrize(
    "where, message",
    [
        ("optim", "optim is no filter; write key=value"),
        ("=3", "is no filter"),
        ("seed=", "is no filter"),
        ("seed=0,,1", "is no filter"),
        ("optim.betas=[0,0.9", "is no filter"),
        ("lr=0.1", "did you mean optim.lr?"),
        ("optm=adam", "did you mean optim or"),
        ("optim.lrr=0.1", "did you mean optim.lr"),
        ("qqqqq=1", "there are status, optimizer, signature, setting"),
        ("finetune=0", "finetune holds several keys: finetune.epochs, finetune.warm"),
        ("optim=adma", "optim=adma: no run has it; there are adam, aggmo, sgd"),
        ("seed=0,7", "seed=7: no run has it; there are 0, 1, 2"),
        ("seed=one", "seed=one: no run has it"),
        ("optim.lr=1", "there are 0.01, 0.1"),
        ("track=1", "track=1: no run has it; there are false, true"),
        ("task=digits limit_train=5", "limit_train=5: no run has it; there is only null"),
        ("optim=sgd task=digits", "no run passes optim=sgd task=digits together; 14 runs are there"),
    ],
)
def test_mistakes_are_answered(runs, where, message):
    with pytest.raises(ValueError) as error:
        select(runs, where.split())
    assert message in str(error.value)


def test_without_runs_only_grammar_is_refused():
    assert select([], ["anything=1"]) == []
    with pytest.raises(ValueError, match="no filter"):
        select([], ["anything"])


def test_values_are_compared_as_what_they_are():
    assert (
        matches("1", 1.0)
        and matches("1e0", 1)
        and not matches("1", True)
        and matches("TRUE", True)
        and not matches("0", False)
    )
    assert matches("null", None) and not matches("null", "x") and matches("0.1", "0.1") and not matches("a", 1)
    assert matches("[]", []) is False and matches("[a,2]", ["a", 2]) and not matches("[1]", [1, 2])
    assert parse_filter("a.b = 1, 2") == ("a.b", ["1", "2"]) and parse_filter("setting=a,lr=1") == (
        "setting",
        ["a,lr=1"],
    )
    assert distinct([0.1, "b", 10, 2, None, 0.1]) == ["0.1", "2", "10", "b", "null"]
    assert (
        format_value(1e-08) == "1e-08"
        and format_value(0.1 + 0.2) == "0.30000000000000004"
        and format_value([1.0, None]) == "[1,null]"
    )


def test_load_takes_filters(tmp_path):
    write_run(tmp_path, "aggmo", 0)
    write_run(tmp_path, "aggmo", 1)
    assert [run.seed for run in load(tmp_path, where=["seed=1"])] == [1]


def test_a_setting_is_chosen_by_its_label(tmp_path):
    for size in (32, 64):
        write_run(tmp_path, "adam", optimizer="adam", config={"batch_size": size})
    (run,) = load(tmp_path, where=["setting=adam lr=0.1 batch_size=64"])
    assert run.settings["batch_size"] == 64
    with pytest.raises(ValueError, match="setting=adam lr=0.2: no run has it; there are .*adam lr=0.1 batch_size=32"):
        load(tmp_path, where=["setting=adam lr=0.2"])
