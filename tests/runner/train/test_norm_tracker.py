"""track=true: norms against their definitions, and rows that hold them."""

import pytest
import torch
from runs import read_rows
from torch import nn

from optim import SGD
from runner.train.norm_tracker import NormTracker


def measure_step(network):
    """The tracked values of a step of SGD with lr 0.5, and the weights before it."""
    tracker = NormTracker(network)
    optimizer = SGD(network.parameters(), lr=0.5)
    before = [p.detach().clone() for p in network.parameters()]
    tracker.measure_gradients()
    with tracker.measure_update(optimizer):
        optimizer.step()
    return {key: float(value) for key, value in tracker.values.items()}, before


def test_norms_are_those_of_the_definitions():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    network(torch.rand(5, 3, dtype=torch.float64)).square().sum().backward()
    values, old = measure_step(network)
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
        assert values[key] == pytest.approx(float(expected), rel=1e-12), key
    assert len(values) == 4 * (1 + 4)


def test_zero_weights_and_missing_gradients_have_numbers():
    network = nn.Linear(2, 2)
    nn.init.zeros_(network.bias)
    network.weight.grad = torch.ones(2, 2)  # and none for the bias
    values, _ = measure_step(network)
    assert values["gradient_norm/bias"] == values["effective_step/bias"] == values["weight_norm/bias"] == 0
    assert values["gradient_norm"] == values["gradient_norm/weight"] == pytest.approx(2)


def test_the_effective_step_of_a_longer_vector_is_shorter():
    """The same step changes the direction of a vector of ten times the length about a tenth as much."""

    def effective_step(length):
        network = nn.Linear(2, 1, bias=False)
        network.weight.data = torch.tensor([[length, 0.0]])
        network.weight.grad = torch.tensor([[0.0, 0.1]])
        return measure_step(network)[0]["effective_step"]

    assert effective_step(10.0) == pytest.approx(effective_step(1.0) / 10, rel=0.01)


def test_rows_and_tensorboard_hold_what_is_tracked(run):
    """track=true: the per-step rows, and no others; training itself is the same to the last bit."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    words = ["optim=momo", "epochs=2", "limit_train=200", "batch_size=50", "log.every=2"]
    folders = {track: run(*words, f"track={track}", "logger=[tensorboard]").folder for track in ("false", "true")}
    found = {track: read_rows(folder) for track, folder in folders.items()}
    names = ["weight_norm", "gradient_norm", "update_norm", "effective_step"]
    layers = ["1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"]
    keys = {*names, *(f"{name}/{layer}" for name in names for layer in layers), "optimizer/zeta", "optimizer/cap"}
    for plain, tracked in zip(found["false"], found["true"], strict=True):
        more = tracked.keys() - plain.keys()
        assert {key: tracked[key] for key in plain} == plain
        assert more == (keys if tracked.get("per") == "step" else set()), more ^ keys
    (events,) = folders["true"].glob("events.out.tfevents.*")
    board = EventAccumulator(str(events)).Reload()
    steps = [event.step for event in board.Scalars("train_step/optimizer/zeta")]
    assert steps == [2, 4, 6, 8]
