"""The search space of hydra/sweeper=optuna, read from overrides in Hydra's syntax."""

import sys

import pytest

pytest.importorskip("optuna")

from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: E402
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: E402

from runner.cli.main import main  # noqa: E402
from runner.sweep.search_space import read_search_space  # noqa: E402


def read(*overrides):
    return read_search_space(overrides, OverridesParser.create())


@pytest.mark.parametrize(
    "value, expected",
    [
        ("interval(0.1,2)", FloatDistribution(0.1, 2)),
        ("tag(log,interval(1e-4,1))", FloatDistribution(1e-4, 1, log=True)),
        ("int(interval(8,256))", IntDistribution(8, 256)),
        ("int(tag(log,interval(8,256)))", IntDistribution(8, 256, log=True)),
        ("range(2,6)", IntDistribution(2, 5)),
        ("range(0,10,3)", IntDistribution(0, 9, step=3)),
        ("range(5,1,-2)", IntDistribution(3, 5, step=2)),
        ("range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("tag(log,range(1,9))", IntDistribution(1, 8, log=True)),
        ("0.1,0.2", CategoricalDistribution(("0.1", "0.2"))),
        ("choice([0,0.9],[0,0.9,0.99])", CategoricalDistribution(("[0,0.9]", "[0,0.9,0.99]"))),
    ],
)
def test_hydras_sweeps_as_distributions(value, expected):
    assert read(f"++x={value}", "y=1").distributions() == {"x": expected}


def test_seeds_are_repeated_and_not_searched():
    space = read("++seed=0,1", "++x=1,2", "z=3")
    assert space.runs({"x": "2"}) == [["z=3", "++x=2", "++seed=0"], ["z=3", "++x=2", "++seed=1"]]


def test_steps_are_written_without_rounding_errors():
    (parameter,) = read("x=range(0.1,0.5,0.1)").parameters
    assert parameter.override(0.1 + 0.2) == "x=0.3"


@pytest.mark.parametrize(
    "words, part",
    [
        (["optim.lr=0.1"], "nothing to search"),
        (["optim.lr=interval(1,0)"], "optim.lr: `low <= high`"),
        (["optim.lr=tag(log,interval(0,1))"], "optim.lr: `low > 0`"),
        (["optim.lr=tag(lag,interval(0,1))"], "tag lag"),
        (["optim.lr=tag(log,choice(1,2))"], "tag log"),
        (["optim.lr=interval(-1,1)"], "optim.lr=-1.0 is not in [0, inf)"),
        (["optim=adam,sgd", "optim.beta=interval(0,1)"], "optim.beta is not a key"),
        (["batch_size=interval(8,64)"], "batch_size=28.6"),
        (["seed=interval(0,1)", "optim.lr=1,2"], "seed is not searched"),
        (["optim.lr=1,2", "hydra.sweeper.n_trials=0"], "n_trials=0"),
        (["optim.lr=1,2", "hydra.sweeper.sampler=gp"], "sampler=gp"),
        (["optim.lr=1,2", "hydra.sweeper.trials=3"], "hydra.sweeper.trials is not a key"),
        (["optim.lr=1,2", "sweep=momentum"], "sweep="),
    ],
)
def test_invalid_searches_are_one_message(tmp_path, monkeypatch, capsys, words, part):
    monkeypatch.chdir(tmp_path)
    assert main(["-m", "hydra/sweeper=optuna", *words]) == 2
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_without_optuna_the_message_names_the_package(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["-m", "hydra/sweeper=optuna", "optim.lr=interval(0.1,1)"]) == 2
    assert "pip install 'optuna" in capsys.readouterr().err
