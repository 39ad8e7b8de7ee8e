"""State: checkpoints, copies, pickles, dtypes, memory. Everything here goes on to the last bit."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from optimizer_cases import CASES, assert_same, parameters, state_of, train, weights

import optim

every_case = pytest.mark.parametrize("name", CASES)


def _through_a_file(state_dict):
    file = io.BytesIO()
    torch.save(state_dict, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@every_case
@pytest.mark.parametrize("backend", ["loop", "foreach"])
def test_resume_is_bit_exact(name, backend):
    params = parameters()
    optimizer = CASES[name].build(params, backend=backend, seed=7)
    halfway = train(optimizer, params, 7)
    saved = _through_a_file(optimizer.state_dict())
    as_saved = copy.deepcopy(saved)
    again = [torch.nn.Parameter(x) for x in halfway]
    resumed = CASES[name].build(again, backend=backend)
    resumed.load_state_dict(saved)
    assert_same(train(resumed, again, 30, start=7), train(optimizer, params, 30, start=7))
    assert_same(state_of(resumed), state_of(optimizer))
    for number, state in as_saved["state"].items():  # neither loading nor stepping writes into what was loaded
        assert_same(
            [x for x in saved["state"][number].values() if isinstance(x, torch.Tensor)],
            [x for x in state.values() if isinstance(x, torch.Tensor)],
        )


@every_case
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_copies_go_on_bit_exactly(name, copied):
    params = parameters()
    optimizer = CASES[name].build(params, seed=3)
    train(optimizer, params, 4)
    twin = copied(optimizer)
    assert type(twin) is type(optimizer) and repr(twin) == repr(optimizer)
    assert (twin.config, twin.wrap, twin.backend) == (optimizer.config, optimizer.wrap, optimizer.backend)
    others = twin.param_groups[0]["params"]
    assert_same(train(twin, others, 10, start=4), train(optimizer, params, 10, start=4))
    twin.add_param_group({"params": parameters(seed=9)})
    assert twin.param_groups[1].keys() == twin.param_groups[0].keys() - twin.pipeline.global_state.keys()


@every_case
def test_state_is_flat_named_and_as_large_as_its_buffers(name):
    params = parameters()
    optimizer = CASES[name].build(params)
    train(optimizer, params, 2)
    size = sum(x.numel() * x.element_size() for x in state_of(optimizer))
    train(optimizer, params, 10)
    assert size == sum(x.numel() * x.element_size() for x in state_of(optimizer))
    case = CASES[name]
    assert size == sum((case.buffers * p.numel() + case.scalars) * p.element_size() for p in params)
    for state in optimizer.state.values():
        assert state["step"] == 12 and type(state["step"]) is int


def test_state_keys():
    params = parameters()
    for name, keys in {"aggmo": "v0 v1 v2", "adam": "m v", "lookahead": "m v lookahead.slow"}.items():
        optimizer = CASES[name].build(params)
        train(optimizer, params, 1)
        assert list(optimizer.state[params[0]]) == ["step", *keys.split()]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("backend", ["loop", "foreach"])
def test_half_parameters_have_float32_state_also_after_loading(dtype, backend):
    params = parameters(dtype)
    optimizer = CASES["lookahead"].build(params, backend=backend)
    train(optimizer, params, 4)
    again = [torch.nn.Parameter(x) for x in weights(params)]
    resumed = CASES["lookahead"].build(again, backend=backend)
    resumed.load_state_dict(_through_a_file(optimizer.state_dict()))
    assert {x.dtype for x in state_of(resumed)} == {torch.float32}
    assert {p.dtype for p in again} == {dtype}
    assert_same(state_of(resumed), state_of(optimizer))
    assert_same(train(resumed, again, 9, start=4), train(optimizer, params, 9, start=4))


def test_half_parameters_follow_the_float32_ones():
    half, full = parameters(torch.bfloat16), parameters(torch.float32)
    train(optim.AggMo(half, 0.01), half, 10)
    train(optim.AggMo(full, 0.01), full, 10)
    for x, y in zip(half, full, strict=True):
        torch.testing.assert_close(x.float(), y, rtol=0.05, atol=0.05)


def test_loading_refuses_what_is_of_another_optimizer():
    params = parameters()
    momentum = CASES["momentum"].build(params)
    train(momentum, params, 2)
    saved = momentum.state_dict()
    with pytest.raises(ValueError, match="group 0 lacks betas"):
        CASES["aggmo"].build(params).load_state_dict(saved)
    with pytest.raises(ValueError, match="lacks lookahead.alpha"):
        optim.build(momentum.config, params, [optim.wrappers()["lookahead"]()]).load_state_dict(saved)
    with pytest.raises(ValueError, match="groups of \\[4\\] parameters, the optimizer of \\[3\\]"):
        CASES["momentum"].build(params[:3]).load_state_dict(saved)
    saved["state"][0] = {"step": 2, "w": saved["state"][0]["v"]}
    with pytest.raises(ValueError, match="parameter 0 differs in v, w"):
        CASES["momentum"].build(params).load_state_dict(saved)
    with pytest.raises(ValueError, match="v has shape"):
        CASES["momentum"].build(parameters(shapes=((2,),) * 4)).load_state_dict(momentum_state(params))


def momentum_state(params):
    optimizer = CASES["momentum"].build(params)
    train(optimizer, params, 1)
    return optimizer.state_dict()


def test_loaded_state_has_its_own_memory():
    """The compiled lift overwrites its state in place; a dict kept for later must not change with it."""
    params = parameters()
    optimizer = optim.AggMo(params)
    train(optimizer, params, 2)
    again = optim.AggMo(parameters())
    again.load_state_dict(optimizer.state_dict())
    addresses = [x.data_ptr() for x in state_of(optimizer) + state_of(again)]
    assert len(set(addresses)) == len(addresses)


def test_load_hooks_fire_once_in_order():
    params = parameters()
    optimizer, seen = optim.AggMo(params), []
    train(optimizer, params, 1)
    optimizer.register_load_state_dict_pre_hook(lambda o, d: seen.append("before"))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.state[params[0]]["step"]))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["before", 1]


def test_scheduler_keys_in_a_group_survive_loading():
    params = parameters()
    optimizer = optim.AggMo(params, lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    train(optimizer, params, 3, scheduler=scheduler)
    fresh = optim.AggMo(parameters())
    fresh.load_state_dict(_through_a_file(optimizer.state_dict()))
    assert fresh.param_groups[0]["initial_lr"] == 0.1 and fresh.param_groups[0]["lr"] == 0.0125
