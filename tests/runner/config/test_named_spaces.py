"""The search spaces of names: the project's, packages' and plugins', as overrides that compose."""

import pytest
from plugin_texts import SGD

from optim.search_range import log_range
from runner.config.compose import compose
from runner.config.errors import ConfigError
from runner.config.search_space import space_of, trial_overrides

DECLARED = "from optim.search_range import log_range\n" + SGD.replace(
    "    def __init__", '    search_space = {"lr": log_range(0.05, 5)}\n    def __init__'
)


def test_trials_of_a_name_are_overrides():
    assert trial_overrides("adam", 0) == ["optim.lr=0.001", "optim.betas=[0.9,0.999]"]
    assert trial_overrides("prodigy", 1)[0].startswith("optim.lr=") and trial_overrides("aggmo", 1) == ["optim.lr=0.01"]
    assert trial_overrides("adam", 1) == ["optim.lr=0.0001", "optim.betas=[0.9415,0.999]"]
    config = compose("optim=adam", *trial_overrides("adam", 1))
    assert config["optim"]["lr"] == 1e-4 and config["optim"]["betas"] == [0.9415, 0.999]


def test_packages_and_plugins_have_lr_about_its_default(write_plugin):
    assert space_of("torch/NAdam") == {"optim.lr": log_range(2e-5, 0.2)}
    assert trial_overrides("torch/NAdam", 2) == ["optim.lr=0.02"]
    assert space_of(write_plugin(SGD)) == {"optim.lr": log_range(1e-3, 10)}
    assert space_of(write_plugin(DECLARED)) == {"optim.lr": log_range(0.05, 5)}


def test_a_space_that_is_none_is_refused_by_name(write_plugin):
    name = write_plugin(DECLARED.replace("log_range(0.05, 5)", "[0.1, 1]"))
    with pytest.raises(ConfigError, match=f"optim={name}: SGD.search_space is no mapping"):
        space_of(name)
    name = write_plugin(DECLARED.replace('"lr": log', '"rate": log'))
    with pytest.raises(ConfigError, match=f"optim={name}: .*the search space has rate"):
        space_of(name)
    with pytest.raises(ConfigError, match="optim.name=adm"):
        space_of("adm")
