"""AdaBound: its two limits, and the base learning rate that the authors' code keeps outside the state."""

from __future__ import annotations

import copy
import pickle

import adabound
import pytest
import torch
from problem import assert_same, close, parameters, set_gradients, train, trajectory, weights

import optim
from optim.rules.adabound import AdaBoundConfig, AMSBoundConfig
from optim.rules.adam import AdamConfig


def test_adabound_starts_as_adam_and_ends_as_sgd():
    wide = trajectory(AdaBoundConfig(0.1, eps=0.0, gamma=1e-12))
    close(wide, trajectory(AdamConfig(0.1, eps=0.0)), 1e-9)
    # late, the bounds have met: whatever v is, the step is final_lr m
    params = parameters()
    optimizer = optim.AdaBound(params, 0.1, final_lr=0.02, gamma=0.999)
    train(optimizer, params, 20)
    for state in optimizer.state.values():
        state["step"] = 2000
    before = weights(params)
    set_gradients(params, 2000)
    optimizer.step()
    for p, old in zip(params, before, strict=True):
        torch.testing.assert_close(old - p, 0.02 * optimizer.state[p]["m"], rtol=1e-3, atol=0)


def _reference(params):
    return adabound.AdaBound(params, 0.05, final_lr=0.04, gamma=0.2)


@pytest.mark.filterwarnings("ignore:This overload of add:UserWarning")
def test_adabounds_base_lr_survives_where_the_authors_code_loses_it():
    params, plain = parameters(), parameters()
    optimizer = AdaBoundConfig(0.05, final_lr=0.04, gamma=0.2)
    optimizer = optim.build(optimizer, params)
    train(optimizer, params, 3)
    optimizer.param_groups[0]["lr"] = 0.01  # as a schedule would
    resumed = optim.AdaBound([torch.nn.Parameter(x) for x in weights(params)], 0.3, final_lr=0.04, gamma=0.2)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    copies = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer)), resumed]
    expected = train(optimizer, params, 10, start=3)
    for twin in copies:
        assert twin.param_groups[0]["base_lr"] == 0.05
        assert_same(train(twin, twin.param_groups[0]["params"], 10, start=3), expected)
    reference = _reference(plain)
    train(reference, plain, 3)
    reference.param_groups[0]["lr"] = 0.01
    with pytest.raises(AttributeError, match="base_lrs"):
        train(copy.deepcopy(reference), plain, 1)
    close(train(reference, plain, 10, start=3), expected)


@pytest.mark.filterwarnings("ignore:This overload of add:UserWarning")
def test_adabounds_later_groups_have_their_own_base_lr():
    params, late, plain = parameters(), parameters(seed=5), parameters(seed=5)
    optimizer = optim.AdaBound(params, 0.05, final_lr=0.04, gamma=0.2)
    train(optimizer, params, 3)
    optimizer.add_param_group({"params": late[:2]})
    optimizer.add_param_group({"params": late[2:3], "lr": 0.02})
    optimizer.add_param_group({"params": late[3:], "lr": 0.02, "base_lr": 0.5})
    assert [group["base_lr"] for group in optimizer.param_groups] == [0.05, 0.05, 0.02, 0.5]
    train(optimizer, params + late, 6)
    # the authors' code leaves a later group where it is; given all groups at the start, it agrees
    reference = _reference([{"params": plain[:2]}, {"params": plain[2:3], "lr": 0.02}])
    reference.add_param_group({"params": plain[3:], "lr": 0.02})
    kept = plain[3].detach().clone()
    for step in range(6):
        for i, p in enumerate(plain):
            x = p.detach()
            p.grad = (4.5 + i) * (x - 1) + torch.sin(3 * x) + 0.1 * torch.cos(x + step)
        reference.step()
    close(late[:3], plain[:3])
    assert torch.equal(plain[3], kept) and not torch.equal(late[3], kept)


@pytest.mark.parametrize("kind", [AdaBoundConfig, AMSBoundConfig])
def test_adabound_with_a_rate_of_zero(kind):
    params = parameters()
    before = weights(params)
    optimizer = optim.build(kind(0.0), params)
    assert_same(train(optimizer, params, 3), before)
    optimizer.param_groups[0]["lr"] = 0.01
    after = train(optimizer, params, 3)
    assert all(x.isfinite().all() for x in after) and not torch.equal(after[2], before[2])
    frozen = optim.build(kind(0.02), [{"params": parameters(), "lr": 0.0}])
    assert frozen.param_groups[0]["base_lr"] == 0.02


def test_adabound_takes_a_tensor_rate_by_value():
    lr = torch.tensor(0.05)
    optimizer = optim.AdaBound(parameters(), lr)  # type: ignore
    lr.mul_(0.1)
    assert optimizer.param_groups[0]["base_lr"] == pytest.approx(0.05)
