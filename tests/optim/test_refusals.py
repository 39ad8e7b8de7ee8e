"""What is refused is refused before anything changes: steps, groups, states, schedulers that would cycle momentum."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from problem import assert_same
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR
from users import METHODS, listed, small, steps

import optim


def _frozen(optimizer):
    """All that could have changed."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return listed(optimizer.state_dict()), listed(params)


def _sparse(optimizer):
    optimizer.param_groups[0]["params"][1].grad = torch.ones(2, 3).to_sparse()
    optimizer.step(loss=torch.tensor(1.0))


def _state_of_torch(optimizer):
    optimizer.load_state_dict(torch.optim.SGD(small()).state_dict())


def _state_of_other_shapes(optimizer):
    saved = copy.deepcopy(optimizer.state_dict())
    last = saved["state"][1]
    last.update({key: x.new_zeros(7) for key, x in last.items() if isinstance(x, torch.Tensor)} or {"extra": 1})
    optimizer.load_state_dict(saved)


def _group(**settings):
    return lambda optimizer: optimizer.add_param_group({"params": small(1), **settings})


REFUSED = {
    "a sparse gradient": (_sparse, "sparse gradients are not supported: a parameter of shape (2, 3) has one"),
    "a state_dict of torch": (_state_of_torch, "state_dict is of another optimizer: group 0 lacks "),
    "a state_dict of other shapes": (_state_of_other_shapes, "parameter 1"),
    "lr of True": (_group(lr=True), "lr=True is not in [0, inf)"),
    "lr of a word": (_group(lr="0.1"), "lr='0.1' is not in [0, inf)"),
    "lr of i": (_group(lr=1j), "lr=1j is not in [0, inf)"),
    "lr of nan": (_group(lr=torch.tensor(float("nan"))), "lr=tensor(nan) is not in [0, inf)"),
    "lr below 0": (_group(lr=-1), "lr=-1 is not in [0, inf)"),
    "lr beyond float32": (_group(lr=1e39), "lr=1e+39 is beyond 1e+18"),
    "two numbers for lr": (_group(lr=torch.ones(2)), "lr=tensor([1., 1.]) is not in [0, inf)"),
    "an unknown key": (_group(learning_rate=0.1), "unknown group key 'learning_rate'"),
}


@pytest.mark.parametrize("usage", REFUSED)
def test_what_is_refused_changes_nothing(usage):
    act, message = REFUSED[usage]
    for name, make in METHODS.items():
        optimizer = steps(make(small()))
        before = _frozen(optimizer)
        with pytest.raises(ValueError) as error:
            act(optimizer)
        assert message in str(error.value) and "\n" not in str(error.value), name
        assert _frozen(optimizer) == before, name


@pytest.mark.parametrize("name", ["momo", "momo_adam"])
@pytest.mark.parametrize("loss", [None, torch.ones(2), torch.ones((), dtype=torch.complex64), np.ones(0)])
def test_a_loss_that_is_no_number_is_refused(name, loss):
    optimizer = steps(METHODS[name](small()))
    before = _frozen(optimizer)
    for given in ({"loss": loss}, {"closure": lambda: loss}):
        with pytest.raises(ValueError, match=r"^Momo(Adam)?: (needs the loss|the loss is not one real number: )"):
            optimizer.step(**given)
    assert _frozen(optimizer) == before


def test_priming_makes_state_and_takes_no_step():
    """Without a loss at lr 0; the weights to evaluate with are then still the weights."""
    wrap = [optim.wrappers()["ema"](), optim.wrappers()["lookahead"]()]
    primed, plain = (optim.build(optim.configs()["momo"](bias_correction=True), small(), wrap) for _ in range(2))
    (group,) = primed.param_groups
    for p in group["params"]:
        p.grad = torch.zeros_like(p)
    rate, group["lr"] = group["lr"], 0.0
    primed.step()
    group["lr"] = rate
    assert {s["step"] for s in primed.state.values()} == {0}
    with primed.evaluation_weights():
        assert_same(group["params"], small())
    assert_same(steps(primed).param_groups[0]["params"], steps(plain).param_groups[0]["params"])


@pytest.mark.parametrize("name", ["aggmo", "aggmo_exp", "aggmo_general"])
@pytest.mark.parametrize("betas", [(0.95, 0.9, 0.9, 0.9), (0.5,)])
def test_another_number_of_betas_is_refused_at_the_step(name, betas):
    optimizer = METHODS[name]([{"params": small()}, {"params": small(1)}])
    steps(optimizer).param_groups[1]["betas"] = betas
    before = _frozen(optimizer)
    with pytest.raises(ValueError, match="betas"):
        optimizer.step()
    assert _frozen(optimizer) == before


CYCLED = {
    **dict.fromkeys(["adam", "adamw", "amsgrad", "nadam", "radam", "radamw", "adabound", "amsbound"], "betas"),
    **dict.fromkeys(["adabelief", "yogi", "qhadam", "prodigy", "soap"], "betas") | {"qhm": "momentum"},
    **dict.fromkeys(["adamp", "momo_adam", "momo_adam_fstar", "wrapped_in_all"], "betas"),
    **dict.fromkeys(["lion", "lamb", "adan", "adopt", "ademamix"], "betas"),
    **dict.fromkeys(["momentum", "nesterov", "sgdw", "lars", "sgdp", "signum", "muon"], "momentum"),
}


@pytest.mark.parametrize("kind", ["OneCycleLR", "CyclicLR"])
def test_cycled_momentum_is_that_of_the_method(kind):
    """Nothing else is overwritten: AggMo's first beta is 0, of the plain gradient, and torch refuses to cycle it."""

    def schedule(optimizer):
        if kind == "OneCycleLR":
            return OneCycleLR(optimizer, 0.01, total_steps=9)
        return CyclicLR(optimizer, 0.001, 0.01, step_size_up=3, base_momentum=0.85, max_momentum=0.95)

    def cycled(optimizer, key):
        scheduler, seen = schedule(optimizer), []
        for _ in range(6):
            value = steps(optimizer, 1).param_groups[0][key]
            seen.append(value[0] if key == "betas" else value)
            scheduler.step()
        return seen

    expected = cycled(torch.optim.AdamW(small()), "betas")
    assert len(set(expected)) > 3
    for name, make in METHODS.items():
        if name in CYCLED:
            assert cycled(make(small()), CYCLED[name]) == expected, name
            continue
        optimizer = make(small())
        betas = optimizer.param_groups[0].get("betas")
        with pytest.raises(ValueError, match="must support momentum or beta1 with `cycle_momentum`"):
            schedule(optimizer)
        assert optimizer.param_groups[0].get("betas") == betas, name
