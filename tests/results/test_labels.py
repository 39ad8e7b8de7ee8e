"""A run is called by what tells it from the runs beside it, and always by its learning rate and its wrappers."""

import pytest
from run_folders import write_run

import results
from results.find import load_runs
from results.labels import label, path_form, shown_keys, varying_keys
from results.run_labels import labels

CNN = {"model.name": "cnn", "model.hidden": [9], "model.width": 8}
EMA = {"wrap.ema": {"name": "ema", "momentum": 0.9}}
STEM, AT_2, AT_4 = (
    {"branch": {"run": f"any/{epoch}", "signature": signature, "at_epoch": epoch, "epochs": length}}
    for signature, epoch, length in ((None, None, None), ("3f2a1b7c", 2, 5), ("3f2a1b7c", 4, 5))
)
SECOND = [  # another optimizer for some parameters, each with its own defaults
    {"groups": {"h": {"position": "last", "optim": {"name": name, "lr": lr, key: 0.9}}}}
    for name, lr, key in (("adam", 0.1, "beta"), ("sgd", 1.0, "momentum"), ("sgd", 2.0, "momentum"))
]
LOOKAHEAD = {"wrap.lookahead": {"name": "lookahead", "k": 5}}


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        # (optimizer, lr, what else differs) of each run
        ([("adam", 0.1, {})], ["adam lr=0.1"]),
        ([("adam", 0.1, {}), ("sgd", 0.1, {"optim.momentum": 0.0})], ["adam lr=0.1", "sgd lr=0.1"]),
        ([("adam", 0.1234567, {}), ("adam", 0.1234568, {})], ["adam lr=0.1234567", "adam lr=0.1234568"]),
        ([("adam", 0.1, each) for each in SECOND[:2]], ["adam+h lr=0.1 h.optim=adam", "adam+h lr=0.1 h.optim=sgd"]),
        (
            [("adam", 0.1, each) for each in SECOND],
            ["adam+h lr=0.1 h.optim=adam", *(f"adam+h lr=0.1 h.optim=sgd h.optim.lr={lr}" for lr in (1, 2))],
        ),
        (
            [("sgd", 0.1, {"optim.betas": [0.9]}), ("sgd", 0.1, {"optim.betas": [0.9, 0.99]})],
            ["sgd lr=0.1 betas=[0.9]", "sgd lr=0.1 betas=[0.9,0.99]"],
        ),
        (
            [("a", 0.1, {"optim.m": 0.9}), ("a", 0.1, {"optim.m": 0.5}), ("b", 0.1, {"optim.m": 0.9})],
            ["a lr=0.1 m=0.9", "a lr=0.1 m=0.5", "b lr=0.1"],  # b's did not vary
        ),
        ([("adam", 0.1, EMA), ("adam", 0.1, LOOKAHEAD)], ["adam+ema lr=0.1", "adam+lookahead lr=0.1"]),
        (
            [("adam", 0.1, EMA), ("adam", 0.1, {**EMA, "wrap.ema": {"name": "ema", "momentum": 0.5}})],
            ["adam+ema lr=0.1 ema.momentum=0.9", "adam+ema lr=0.1 ema.momentum=0.5"],
        ),
        (
            [("adam", 0.1, {"batch_size": 8}), ("sgd", 0.1, {"batch_size": 9})],
            ["adam lr=0.1 batch_size=8", "sgd lr=0.1 batch_size=9"],
        ),
        ([("sgd", 0.1, {}), ("sgd", 0.1, CNN)], ["sgd lr=0.1 model=mlp", "sgd lr=0.1 model=cnn"]),  # not its hidden
        (
            [("sgd", 0.1, {}), ("sgd", 0.1, {"task.name": "mnist", **CNN, "data.name": "mnist", "epochs": 9})],
            ["digits sgd lr=0.1", "mnist sgd lr=0.1"],  # the task says which data, model and epochs
        ),
        (
            [("sgd", 0.1, {}), ("sgd", 0.1, {"optim.lr_schedule": {"name": "cosine", "warmup": 2}})],
            ["sgd lr=0.1 lr_schedule=constant", "sgd lr=0.1 lr_schedule=cosine"],
        ),
        (
            [("sgd", 0.1, {}), ("sgd", 0.1, {"device": "cuda", "log.every": 3, "data.root": "/x", "seed": 1})],
            ["sgd lr=0.1"] * 2,
        ),
        (
            [("sgd", 0.1, STEM), ("sgd", 0.1, AT_2), ("sgd", 0.1, AT_4)],
            ["sgd lr=0.1", "sgd lr=0.1 branch=3f2a1b7c@2", "sgd lr=0.1 branch=3f2a1b7c@4"],
        ),
    ],
)
def test_labels(tmp_path, runs, expected):
    for i, (optimizer, lr, config) in enumerate(runs):
        write_run(tmp_path / str(i), "any", optimizer=optimizer, lr=lr, config=config, signature=None)
    found = load_runs(*(tmp_path / str(i) for i in range(len(runs))))
    same = len(set(expected)) < len(expected)
    names = labels([found[0]] * 2) if same else labels(found)
    assert names == expected
    varying = varying_keys(run.settings for run in found)
    assert [label(run.settings, shown_keys(run.settings, varying)) for run in found] == expected


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("adam+ema lr=0.1 betas=[0,0.9]", "adam+ema,lr=0.1,betas=0-0.9"),
        ("sgd lr=1e-05 model=a/b c", "sgd,lr=1e-05,model=a_b,c"),
        ("sgd lr=0.1 clip_norm=null", "sgd,lr=0.1,clip_norm=null"),
    ],
)
def test_the_form_for_paths(text, path):
    assert path_form(text) == path


def test_a_group_of_frames_is_a_setting_whatever_was_trained(tmp_path):
    """The mean over one label never mixes runs of 5 and 10 epochs, of two networks, or of two tasks."""
    for epochs in (5, 10):
        for seed in (0, 1):
            write_run(tmp_path, "adam", seed, epochs / 20, optimizer="adam", epochs=epochs)
    write_run(tmp_path, "adam", 0, 0.9, optimizer="adam", epochs=5, config=CNN)
    write_run(tmp_path, "adam", 0, 0.1, optimizer="adam", epochs=5, task="mnist")
    means = results.load(tmp_path).runs.groupby("setting")["val_best"].agg(["mean", "count"])
    assert sorted(means.itertuples(name=None)) == [
        ("digits adam lr=0.1 model=cnn epochs=5", 0.9, 1),
        ("digits adam lr=0.1 model=mlp epochs=10", 0.5, 2),
        ("digits adam lr=0.1 model=mlp epochs=5", 0.25, 2),
        ("mnist adam lr=0.1", 0.1, 1),
    ]
