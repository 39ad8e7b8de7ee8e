"""track=true: norms against their definitions, and rows that hold them."""

import pytest
import torch
from torch import nn

from optim import SGD
from runner.train.norm_tracker import Watch


def watched(network, lr=0.5):
    watch = Watch(network)
    optimizer = SGD(network.parameters(), lr=lr)
    before = [p.detach().clone() for p in network.parameters()]
    watch.gradients()
    with watch.step(optimizer):
        optimizer.step()
    return {key: float(value) for key, value in watch.seen.items()}, before


def test_norms_are_those_of_the_definitions():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    network(torch.rand(5, 3, dtype=torch.float64)).square().sum().backward()
    seen, old = watched(network)
    new = [p.detach() for p in network.parameters()]
    gradients = [p.grad for p in network.parameters()]
    flat_old, flat_new, flat_gradient = (torch.cat([x.flatten() for x in xs]) for xs in (old, new, gradients))
    direction = flat_new / flat_new.norm() - flat_old / flat_old.norm()
    for key, expected in {
        "weight_norm": flat_new.norm(),
        "gradient_norm": flat_gradient.norm(),
        "update_norm": (flat_new - flat_old).norm(),
        "effective_step": direction.norm(),
        "weight_norm/0.weight": new[0].norm(),
        "gradient_norm/1.bias": gradients[3].norm(),
        "update_norm/1.weight": (new[2] - old[2]).norm(),
        "effective_step/0.bias": (new[1] / new[1].norm() - old[1] / old[1].norm()).norm(),
    }.items():
        assert seen[key] == pytest.approx(float(expected), rel=1e-12), key
    assert len(seen) == 4 * (1 + 4)


def test_zero_weights_and_missing_gradients_have_numbers():
    network = nn.Linear(2, 2)
    nn.init.zeros_(network.bias)
    network.weight.grad = torch.ones(2, 2)  # and none for the bias
    seen, _ = watched(network)
    assert seen["gradient_norm/bias"] == seen["effective_step/bias"] == seen["weight_norm/bias"] == 0
    assert seen["gradient_norm"] == seen["gradient_norm/weight"] == pytest.approx(2)


def test_the_effective_step_of_a_longer_vector_is_shorter():
    """The same step turns a vector of ten times the length about a tenth as far."""

    def turned(length):
        network = nn.Linear(2, 1, bias=False)
        network.weight.data = torch.tensor([[length, 0.0]])
        network.weight.grad = torch.tensor([[0.0, 0.1]])
        return watched(network)[0]["effective_step"]

    assert turned(10.0) == pytest.approx(turned(1.0) / 10, rel=0.01)


def test_rows_and_tensorboard_hold_what_is_tracked(tmp_path, monkeypatch):
    """track=true: the per-step rows, and no others; training itself is the same to the last bit."""
    import json
    import sys

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from runner.cli.main import main

    monkeypatch.setattr(sys, "argv", ["main.py"])
    words = ["optim=momo", "epochs=2", "limit_train=200", "batch_size=50", "log.every=2", "threads=1"]
    found = {}
    for track in ("false", "true"):
        assert main([*words, f"track={track}", f"outputs={tmp_path / track}"]) == 0
        (file,) = (tmp_path / track).rglob("metrics.jsonl")
        found[track] = [json.loads(line) for line in file.read_text().splitlines()]
    names = ["weight_norm", "gradient_norm", "update_norm", "effective_step"]
    layers = ["1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"]
    keys = {*names, *(f"{name}/{layer}" for name in names for layer in layers), "optimizer/zeta", "optimizer/cap"}
    for plain, tracked in zip(found["false"], found["true"], strict=True):
        more = tracked.keys() - plain.keys()
        assert {key: tracked[key] for key in plain} == plain
        assert more == (keys if tracked.get("per") == "step" else set()), more ^ keys
    (events,) = (tmp_path / "true").rglob("events.out.tfevents.*")
    board = EventAccumulator(str(events)).Reload()
    steps = [event.step for event in board.Scalars("train_step/optimizer/zeta")]
    assert steps == [2, 4, 6, 8]
