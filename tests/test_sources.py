"""docs/sources.md: every command composes, and says what the sources' own configurations say."""

from __future__ import annotations

import re
import shlex

import pytest
import torch
from conftest import ROOT

import optim
from runner.cli.overrides import hydra_arguments
from runner.config.compose import compose
from runner.config.validate import validate

TEXT = (ROOT / "docs" / "sources.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))
LEFT_OUT = ("-m", "sweep=", "seed=")


def rows(section):
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def commands(section):
    """{what is told to the source: the command here}, both without their backticks."""
    told = [(there.strip("`"), here) for there, here, _ in rows(section)]
    return {there: here.strip("`") for there, here in told if here.startswith("`python main.py ")}


def composed(command, index=0):
    """The checked configuration of a command; `index` is the value that a swept key takes."""
    words = [word for word in shlex.split(command)[2:] if not word.startswith(LEFT_OUT) and "FOLDER" not in word]
    words = [re.sub(r"^([\w./]+=)([^\[,]*,.*)", lambda m: m[1] + m[2].split(",")[index], word) for word in words]
    return validate(compose(*hydra_arguments(words)))


def test_the_tables_have_three_columns_and_many_commands():
    assert list(SECTIONS) == ["AggMo", "MoMo", "AdamP", "neural-net-optimization", "objax"]
    assert all(len(row) == 3 for section in SECTIONS for row in rows(section))
    assert sum(len(commands(section)) for section in SECTIONS) > 90


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_every_command_composes(section, tmp_path):
    file = tmp_path / "mushrooms"
    file.write_text("1 1:1 2:0.5\n2 1:0.25\n")
    for there, command in commands(section).items():
        for index in (0, -1) if " -m " in command else (0,):
            try:
                composed(command.replace("=FILE", f"={file}"), index)
            except ValueError as error:
                pytest.fail(f"{there}: {error}")


@pytest.mark.parametrize("section", [s for s in SECTIONS if "from Python" in SECTIONS[s]])
def test_every_python_call_is_accepted(section):
    calls = [here.strip("`") for _, here, _ in rows(section) if re.match(r"`\w+(\.\w+)?\(params", here)]
    assert calls
    for call in calls:
        kind = getattr(optim, re.match(r"\w+", call)[0])
        eval(call, {kind.__name__: kind, "params": [torch.ones(2, requires_grad=True)], "lr": 0.1})


# AggMo: src/configs/*.json and src/configs/templates/optim/*.json
AGGMO_CONFIGS = {
    "ae.json": ("autoencoder", "mnist", "none", 1000, 200, 0.0, (200, 400, 800), ()),
    "cifar-10.json": ("resnet", "cifar10", "crop_flip", 400, 128, 5e-4, (150, 250), (0.4914, 0.4822, 0.4465)),
    "cifar-100.json": ("resnet", "cifar100", "crop_flip", 400, 128, 5e-4, (150, 250), (0.5071, 0.4867, 0.4408)),
}
AGGMO_OPTIMIZERS = {
    "sgd": {"name": "momentum", "lr": 0.01, "momentum": 0.9},
    "nesterov": {"name": "nesterov", "lr": 0.01, "momentum": 0.9},
    "adam": {"name": "adam", "lr": 0.001, "betas": (0.9, 0.999)},
    "aggmo": {"name": "aggmo", "lr": 0.01, "betas": (0.0, 0.9, 0.99)},
    "exp_aggmo": {"name": "aggmo_exp", "lr": 0.01, "a": 0.1, "k": 3},
}


def assert_has(config, expected):
    assert {key: getattr(config, key) for key in expected} == expected


@pytest.mark.parametrize("name", AGGMO_CONFIGS)
def test_aggmos_configurations_are_its_own(name):
    model, data, augment, epochs, batch_size, decay, milestones, mean = AGGMO_CONFIGS[name]
    for optimizer, expected in AGGMO_OPTIMIZERS.items():
        if optimizer != "aggmo" and name == "cifar-100.json":
            continue  # as for CIFAR-10
        config = composed(commands("AggMo")[f"{name} --optim {optimizer}"])
        assert_has(config.optim, {**expected, "weight_decay": decay})
        assert_has(config.settings, {"epochs": epochs, "batch_size": batch_size, "patience": 250, "drop_last": False})
        assert_has(config.lr_schedule, {"name": "step", "milestones": milestones, "lr_decay": 0.1})
        assert_has(config.data, {"name": data, "augment": augment, "val_fraction": 0.1, "split": "first"})
        assert (config.model.name, config.data.normalize) == (model, bool(mean))
        assert not mean or (config.data.mean or type(config.data).statistics[0]) == mean


# step-back: stepback/optim/main.py with the settings of configs/*.json
STEP_BACK = {
    '"name": "sgd"': ("sgd", {"lr": 0.001, "weight_decay": 0.0}),
    '"name": "sgd-m", "dampening": 0.9': ("momentum", {"lr": 1.0, "momentum": 0.9, "dampening": 0.9}),
    '"name": "sgd-m"': ("momentum", {"momentum": 0.9, "dampening": 0.0}),
    '"name": "sgd-nesterov"': ("nesterov", {"momentum": 0.9}),
    '"name": "adam"': ("adam", {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}),
    '"name": "adamw"': ("adamw", {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}),
    '"name": "momo", "lr": 1': ("momo", {"lr": 1.0, "beta": 0.9, "lb": 0.0, "use_fstar": False}),
    '"name": "momo-star"': ("momo", {"beta": 0.9, "bias_correction": False, "use_fstar": True}),
    '"name": "momo-adam", "lr": 0.01': ("momo_adam", {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "divide": True}),
    '"name": "momo-adam-star"': ("momo_adam", {"betas": (0.9, 0.999), "use_fstar": True}),
    '"name": "prox-sps", "lr": 1': ("momo", {"lr": 1.0, "beta": 0.0, "lb": 0.0}),
    '"name": "adabelief"': ("adabelief", {"betas": (0.9, 0.999), "eps": 1e-16, "rectify": True}),
    '"name": "adabound"': ("adabound", {"betas": (0.9, 0.999), "final_lr": 0.1, "gamma": 1e-3, "eps": 1e-8}),
    '"name": "lion", "lr": 0.001': ("lion", {"lr": 0.001, "betas": (0.9, 0.99)}),
}


def test_step_backs_optimizers_are_its_own():
    for there, (name, expected) in STEP_BACK.items():
        config = composed(commands("MoMo")[there])
        assert_has(config.optim, {"name": name, **expected})
        assert_has(config.settings, {"epochs": 10, "batch_size": 128, "drop_last": True, "patience": None})


# neural-net-optimization: optim_dict and wrap_optimizer of misc.py
VELOCITY = {"momentum": 0.99, "lr_in_velocity": True}
NNO = {
    "sgd": ("sgd", {}),
    "sgd_momentum": ("momentum", VELOCITY),
    "sgd_nesterov": ("nesterov", VELOCITY),
    "sgd_weight_decay": ("sgdw", {**VELOCITY, "weight_decay": 1e-6}),
    "sgd_lrd": ("momentum", VELOCITY),
    "rmsprop": ("rmsprop", {"alpha": 0.9, "eps": 1e-8}),
    "adam": ("adam", {"betas": (0.9, 0.999), "weight_decay": 0.0}),
    "adam_l2": ("adam", {"weight_decay": 1e-4}),
    "adamW": ("adamw", {"weight_decay": 0.1}),  # 1e-4 over lr
    "adam_lrd": ("adam", {}),
    "Radam": ("radam", {"rho_threshold": 5}),
    "RadamW": ("radamw", {"rho_threshold": 5, "weight_decay": 0.1}),
    "Radam_lrd": ("radam", {"rho_threshold": 5}),
    "nadam": ("nadam", {}),
    "lookahead_sgd": ("momentum", VELOCITY),
    "lookahead_adam": ("adam", {}),
    "gradnoise_adam": ("adam", {}),
    "graddropout_adam": ("adam", {}),
}
NNO_WRAPPERS = {
    "lrd": {"name": "learning_rate_dropout", "keep": 0.5},
    "lookahead": {"name": "lookahead", "k": 5, "alpha": 0.5},
    "gradnoise": {"name": "gradient_noise", "eta": 0.3, "gamma": 0.55},
    "graddropout": {"name": "gradient_dropout", "keep": 0.9},
}


def test_neural_net_optimizations_methods_are_its_own():
    for there, (name, expected) in NNO.items():
        config = composed(commands("neural-net-optimization")[there])
        assert_has(config.optim, {"name": name, "lr": 0.001, **expected})
        wrappers = [wrapper for word, wrapper in NNO_WRAPPERS.items() if word in there.split("_")]
        assert len(config.wrap) == len(wrappers)
        for ours, theirs in zip(config.wrap, wrappers, strict=True):
            assert_has(ours, theirs)
