"""What users of torch.optim rely on, beside what the conformance report checks: hooks, half precision, refusals."""

from __future__ import annotations

import pytest
import torch
from cases import CASES
from problem import both_backends, parameters, state_of, train

import optim
from optim.backends import BACKENDS
from optim.external.resume_check import through_a_file


def test_one_cycle_may_cycle_momentum():
    optimizer = optim.Momentum(parameters(), lr=0.1)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    assert optimizer.param_groups[0]["momentum"] == 0.95


def test_step_hooks_fire_once():
    params, seen = parameters(), []
    for kind in (optim.AggMo, optim.Momentum, optim.AggMo):
        optimizer = kind(params)
        optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
        optimizer.register_step_post_hook(lambda *_: seen.append("after"))
        train(optimizer, params, 1)
        assert seen == ["before", "after"]
        seen.clear()


def test_state_dict_hooks():
    optimizer = optim.SGD(parameters())
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "note": 1})
    assert optimizer.state_dict()["note"] == 1


def test_gradient_accumulation_equals_one_large_batch():
    once, twice = parameters(shapes=((3,),)), parameters(shapes=((3,),))
    a, b = optim.AggMo(once), optim.AggMo(twice)
    x = torch.arange(12, dtype=torch.float64).reshape(4, 3) / 10
    for _ in range(4):
        a.zero_grad()
        b.zero_grad(set_to_none=False)
        ((x @ once[0]) ** 2).mean().backward()
        for half in (x[:2], x[2:]):
            (((half @ twice[0]) ** 2).mean() / 2).backward()
        a.step()
        b.step()
    torch.testing.assert_close(once[0], twice[0], rtol=1e-12, atol=1e-12)


LEARNING_RATES = {
    "sgd": 0.5,
    "sgdw": 0.5,
    "momentum": 0.1,
    "nesterov": 0.1,
    "aggmo": 0.1,
    "rmsprop": 0.02,
    "radam": 0.2,
    "radamw": 0.2,
    "adadelta": 5.0,
    "muon": 0.1,
    **dict.fromkeys(("adam", "adamw", "nadam", "amsgrad", "adabound", "amsbound"), 0.05),
    **dict.fromkeys(("lion", "signum", "lamb", "adan", "adopt", "ademamix"), 0.05),
}


@pytest.mark.parametrize("name", LEARNING_RATES)
def test_it_trains(name):
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    y = (x @ torch.tensor([1.0, -2.0, 0.5, 3.0]) > 0).float()
    w = torch.nn.Parameter(torch.zeros(4))
    optimizer = optim.build(optim.configs()[name](lr=LEARNING_RATES[name]), [w])
    for _ in range(200):
        w.grad = x.T @ (torch.sigmoid(x @ w.detach()) - y) / 200
        optimizer.step()
    assert torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y).item() < 0.2


def test_auto_is_the_loop_on_a_cpu():
    assert optim.SGD(parameters())._chosen_backend() is BACKENDS["loop"]
    with pytest.raises(ValueError, match="backend='vmap' is not one of auto, loop, foreach, compile"):
        optim.SGD(parameters(), backend="vmap")


@both_backends
def test_sparse_gradients_are_refused(backend):
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    embedding(torch.tensor([1, 2])).sum().backward()
    optimizer = optim.AggMo(embedding.parameters(), backend=backend)
    with pytest.raises(ValueError, match=r"sparse gradients are not supported: .* shape \(5, 2\)"):
        optimizer.step()
    assert not optimizer.state


def test_double_backward_graphs_are_not_kept_in_the_state():
    p = parameters(shapes=((3,),))[0]
    (gradient,) = torch.autograd.grad((p**3).sum(), p, create_graph=True)
    p.grad = gradient
    optimizer = optim.AggMo([p])
    optimizer.step()
    assert not any(x.requires_grad for x in state_of(optimizer))


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


def test_step_returns_the_loss_that_it_is_given():
    optimizer = optim.Momentum(parameters())
    loss = torch.tensor(3.0)
    assert optimizer.step(loss=loss) is loss and optimizer.step() is None


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
    fresh.load_state_dict(through_a_file(optimizer.state_dict()))
    assert fresh.param_groups[0]["initial_lr"] == 0.1 and fresh.param_groups[0]["lr"] == 0.0125
