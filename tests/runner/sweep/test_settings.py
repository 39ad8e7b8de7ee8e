"""Settings of launchers and of the search that can't be: one line with key, value and range, before anything starts."""

import os

import pytest
from small_sweeps import SmallSweep

from runner.config.errors import ConfigError
from runner.sweep.settings import (
    GridSettings,
    LocalSettings,
    SearchSettings,
    StackedSettings,
    check_joblib,
    read_settings,
)

BAD = [
    (LocalSettings, "n_jobs", 0, "[1, 1024]"),
    (LocalSettings, "n_jobs", 10**9, "[1, 1024]"),
    (LocalSettings, "n_jobs", 1.5, "whole number"),
    (LocalSettings, "n_jobs", [1], "whole number"),
    (LocalSettings, "jobs_per_gpu", -1, "[1, 1024]"),
    (LocalSettings, "jobs_per_gpu", None, "whole number"),
    (StackedSettings, "form", "foo", "auto, vmap, autograd, compile"),
    (StackedSettings, "max_runs", -1, "[1, inf)"),
    (GridSettings, "budget_s", "2h", "number"),
    (GridSettings, "budget_s", 0, "(0, inf)"),
    (SearchSettings, "n_trials", 0, "[1, inf)"),
    (SearchSettings, "seed", -1, "[0, inf)"),
    (SearchSettings, "sampler", "foo", "tpe, random"),
    (SearchSettings, "batch", 0, "[1, inf)"),
]


@pytest.mark.parametrize(("kind", "key", "value", "fact"), BAD)
def test_a_value_that_can_not_be_is_named_with_its_range(kind, key, value, fact):
    with pytest.raises(ConfigError) as raised:
        read_settings(kind, {key: value}, "hydra.launcher")
    assert f"hydra.launcher.{key}=" in str(raised.value) and fact in str(raised.value)


def test_joblib_knows_all_cores_and_not_zero():
    check_joblib({"n_jobs": -1})
    for value, fact in ((0, "-1 for all cores"), (10**9, "1024]")):
        with pytest.raises(ConfigError) as raised:
            check_joblib({"n_jobs": value})
        assert f"hydra.launcher.n_jobs={value}" in str(raised.value) and fact in str(raised.value)


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (["hydra/launcher=local", "hydra.launcher.n_jobs=-1"], ["hydra.launcher.n_jobs=-1", "[1, 1024]"]),
        (["hydra/launcher=stacked", "hydra.launcher.form=foo"], ["hydra.launcher.form=foo", "vmap"]),
        (["hydra.sweeper.params=3"], ["hydra.sweeper.params=3"]),
        (["hydra.sweeper.max_batch_size=3"], ["hydra.sweeper.max_batch_size is not a key"]),
    ],
)
def test_a_command_with_such_a_value_starts_nothing(words, facts, tmp_path, monkeypatch, capsys):
    code, console = SmallSweep(tmp_path, monkeypatch, capsys)(*words, "seed=0,1")
    assert code == 2 and console.startswith("error: ") and console.count("\n") == 1
    assert all(fact in console for fact in facts) and os.listdir(tmp_path) == []
