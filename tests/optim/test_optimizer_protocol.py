"""What torch's users rely on: closures, schedulers, GradScaler, hooks, tensor learning rates."""

from __future__ import annotations

import pytest
import torch
from optimizer_cases import CASES, assert_same, loss_of, parameters, set_gradients, train, weights

import optim

every_case = pytest.mark.parametrize("name", CASES)
SCHEDULERS = {
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10),
    "onecycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.05, total_steps=20, cycle_momentum=False),
}


@every_case
def test_closure(name):
    plain, closed = parameters(), parameters()
    train(CASES[name].build(plain), plain, 6)
    optimizer = CASES[name].build(closed)
    for step in range(6):

        def closure(step=step):
            assert torch.is_grad_enabled()
            set_gradients(closed, step)
            return loss_of(closed)

        with torch.no_grad():
            assert optimizer.step(closure).item() == loss_of(closed).item()
    assert_same(closed, plain)
    assert optimizer.step(loss=torch.tensor(3.0)).item() == 3
    assert optimizer.pipeline.uses_loss or optimizer.step() is None


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_schedulers_act_as_on_torch(schedule):
    ours, theirs = parameters(), parameters()
    mine, reference = CASES["momentum"].build(ours), CASES["momentum"].reference(theirs)
    a = train(mine, ours, 18, scheduler=SCHEDULERS[schedule](mine))
    b = train(reference, theirs, 18, scheduler=SCHEDULERS[schedule](reference))
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@every_case
def test_reduce_on_plateau(name):
    params = parameters()
    optimizer = CASES[name].build(params)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    for loss in (1.0, 1.0, 1.0):
        train(optimizer, params, 1)
        scheduler.step(loss)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05 / 4)


def test_one_cycle_may_cycle_momentum():
    optimizer = optim.Momentum(parameters(), lr=0.1)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    assert optimizer.param_groups[0]["momentum"] == 0.95


@every_case
@pytest.mark.parametrize("backend", ["loop", "foreach"])
def test_lr_may_be_a_tensor(name, backend):
    numbers, tensors = parameters(), parameters()
    lr = torch.tensor(0.05, dtype=torch.float64)
    optimizer = CASES[name].build([{"params": tensors, "lr": lr}], backend=backend)
    assert optimizer.param_groups[0]["lr"] is lr
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    other = CASES[name].build(numbers, backend=backend)
    same = torch.optim.lr_scheduler.ExponentialLR(other, 0.9)
    a, b = train(optimizer, tensors, 8, scheduler=scheduler), train(other, numbers, 8, scheduler=same)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@every_case
def test_grad_scaler(name):
    scaled, plain = parameters(torch.float32), parameters(torch.float32)
    optimizer, reference = CASES[name].build(scaled), CASES[name].build(plain)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    train(reference, plain, 5)
    for step in range(5):
        scaler.scale(torch.ones(()))  # the scaler prepares itself at the first scaled loss
        set_gradients(scaled, step)
        loss = loss_of(scaled)
        for p in scaled:
            p.grad *= scaler.get_scale()
        scaler.step(optimizer, loss=loss)
        scaler.update()
    assert_same(scaled, plain)
    before, scale = weights(scaled), scaler.get_scale()
    set_gradients(scaled, 9)
    scaled[1].grad[0] = float("inf")
    scaler.step(optimizer)
    scaler.update()
    assert_same(scaled, before)
    assert optimizer.state[scaled[0]]["step"] == 5 and scaler.get_scale() == scale / 2


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


def test_it_trains():
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    y = (x @ torch.tensor([1.0, -2.0, 0.5, 3.0]) > 0).float()
    for kind, lr in (
        (optim.SGD, 0.5),
        (optim.Momentum, 0.1),
        (optim.Nesterov, 0.1),
        (optim.Adam, 0.05),
        (optim.AggMo, 0.1),
    ):
        model = torch.nn.Linear(4, 1)
        optimizer = kind(model.parameters(), lr=lr)
        for _ in range(200):
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x).squeeze(1), y)
            loss.backward()
            optimizer.step()
        assert loss.item() < 0.2, kind
