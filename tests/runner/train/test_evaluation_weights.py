"""Averaged weights are validated, saved and tested with running statistics of their own; training is unchanged."""

import pytest
import torch
from runs import read_rows, read_status

from runner.train.rng import STATISTICS_SAMPLES, statistics_order

SMALL = ["model=cnn_bn", "optim=adam", "optim.lr=0.003", "epochs=1", "batch_size=40"]
SMALL += ["limit_train=100", "limit_val=50", "limit_test=50"]


def checkpoint(folder, name):
    return torch.load(folder / "checkpoints" / f"{name}.pt", weights_only=True)


def test_training_is_as_without_and_the_best_weights_have_their_statistics(run, make_trainer):
    plain, averaged = run(*SMALL).folder, run(*SMALL, "wrap=[ema]").folder
    assert read_rows(plain, split="train") == read_rows(averaged, split="train")
    trained, continued = (checkpoint(folder, "last")["model"] for folder in (plain, averaged))
    assert all(torch.equal(value, continued[name]) for name, value in trained.items())
    best = checkpoint(averaged, "best")["model"]
    assert not torch.allclose(best["3.running_var"], trained["3.running_var"], rtol=0.1)
    trainer = make_trainer(*SMALL)
    trainer.model.load_state_dict(best)
    means = trainer.evaluate("val", evaluation_weights=False).means("acc")
    assert means == {key: read_status(averaged)["best"][key] for key in ("loss", "acc")}


def test_swa_counts_epochs(run):
    """Three steps each: the mean is of the weights after the second epoch and the third."""
    words = ["task=digits", "model=mlp", "optim=adam", *SMALL[4:], "wrap=[swa]", "wrap.swa.start=2"]
    second, third = (checkpoint(run(*words, f"epochs={n}").folder, "last") for n in (2, 3))
    weights = zip(*(content["model"].values() for content in (second, third)), strict=True)
    for (before, after), state in zip(weights, third["optimizer"]["state"].values(), strict=True):
        torch.testing.assert_close(state["swa.m"], (before + after) / 2)


def test_statistics_see_the_batches_that_training_would(make_trainer):
    """100 samples in batches of 40 and two passes: the last batch, of 20, is left out."""
    trainer = make_trainer(*SMALL, "accumulate=2")
    inputs = list(trainer.weights_to_evaluate.inputs(0))
    assert [len(x) for x in inputs] == [20, 20, 20, 20]
    assert [len(x) for x in make_trainer(*SMALL, "batch_size=300").weights_to_evaluate.inputs(0)] == [100]
    again = list(trainer.weights_to_evaluate.inputs(0))
    assert all(map(torch.equal, inputs, again))
    assert not torch.equal(next(trainer.weights_to_evaluate.inputs(1)), inputs[0])


def test_statistics_need_a_bounded_number_of_samples():
    sizes = [(50_000, 128), (50_000, 20_000), (900, 128), (100, 128), (50_000, 1)]
    expected = [9_984, 20_000, 896, 100, STATISTICS_SAMPLES]
    assert [len(statistics_order(n, batch, seed=0, step=3)) for n, batch in sizes] == expected


@pytest.mark.slow
@pytest.mark.parametrize("wrap", ["ema", "lookahead", "lookahead,ema", "swa", "schedule_free"])
def test_averaged_weights_are_as_good_as_the_training_weights(wrap, run):
    """With the training weights' statistics they scored 0.87 (ema) and 0.91 (lookahead) on validation."""
    words = ["task=digits", "model=cnn_bn", "optim=adam", "optim.lr=0.003", "epochs=3", f"wrap=[{wrap}]"]
    words += ["optim.betas=[0,0.999]"] if wrap == "schedule_free" else []
    found = read_status(run(*words).folder)
    assert found["final"]["acc"] > 0.97 and found["test"]["acc"] > 0.97
