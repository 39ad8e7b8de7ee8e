"""Properties in a training loop: schedules, scaling, closures, evaluation, lifts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..compile_backend import MIN_NUMEL
from ..conformance import SHAPES, Subject, copies, parameters, set_gradients, tensors_of
from .property import COMPILED, HALF, LIFTS, differ, equal, evaluated, says


@says("schedulers act")
def schedulers(subject: Subject) -> None:
    fixed, moved, late = parameters(), parameters(), parameters()
    a = subject.train(subject.build(fixed), fixed, 8)
    for params, make in (
        (moved, lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t))),
        (late, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 8)),
    ):
        optimizer = subject.build(params)
        start = optimizer.param_groups[0]["lr"]
        b = subject.train(optimizer, params, 8, after=make(optimizer).step)
        assert optimizer.param_groups[0]["lr"] < start, "the learning rate does not follow the schedule"
        assert differ(a, b), "a schedule has no effect"


@says("lr=0 moves nothing")
def zero_rate(subject: Subject) -> None:
    params = parameters()
    before = copies(params)
    got = subject.train(subject.build([{"params": params, "lr": 0.0}]), params, 12)
    equal(got, before, "weights move at lr=0")


@says("lr may be a tensor")
def tensor_rate(subject: Subject) -> None:
    for lift in LIFTS:
        results = []
        for kind in (float, lambda x: torch.tensor(x, dtype=torch.float64)):
            params = parameters()
            lr = kind(subject.defaults["lr"])
            optimizer = subject.build([{"params": params, "lr": lr}], lift=lift)
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
            results.append(subject.train(optimizer, params, 8, after=schedule.step))
        close = all(torch.allclose(x, y, rtol=1e-11, atol=1e-12) for x, y in zip(*results, strict=True))
        assert close, f"other weights than with the same number ({lift})"


@says("GradScaler: unscaled steps, and a skipped step changes nothing")
def grad_scaler(subject: Subject) -> None:
    scaled, plain = parameters(torch.float32), parameters(torch.float32)
    optimizer, reference = subject.build(scaled), subject.build(plain)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)  # type: ignore
    for n in range(4):
        scaler.scale(torch.ones(()))
        loss = set_gradients(scaled, n)
        set_gradients(plain, n)
        for p in scaled:
            p.grad *= scaler.get_scale()  # type: ignore
        given: dict[str, Any] = {"loss": loss} if subject.uses_loss else {}
        reference.step(**given)
        scaler.step(optimizer, **given)
        scaler.update()
    equal(scaled, plain, "other weights than without scaling")
    before = [*copies(scaled), *copies(tensors_of(optimizer))]
    set_gradients(scaled, 9)
    scaled[1].grad[0] = float("inf")  # type: ignore
    scaler.step(optimizer, **given)  # type: ignore
    scaler.update()
    equal([*scaled, *tensors_of(optimizer)], before, "a skipped step has changed something")


@says("a closure is called once, with gradients enabled")
def closure(subject: Subject) -> None:
    plain, closed = parameters(), parameters()
    subject.train(subject.build(plain), plain, 6)
    optimizer, losses = subject.build(closed), []
    for n in range(6):
        calls = []

        def recompute(n: int = n, calls: list[bool] = calls) -> Tensor:
            calls.append(torch.is_grad_enabled())
            losses.append(set_gradients(closed, n))
            return losses[-1]

        with torch.no_grad():
            returned = optimizer.step(recompute)
        assert calls == [True], f"the closure was called {len(calls)} times"
        assert returned is losses[-1], "the loss is not returned"
    equal(closed, plain, "other weights than without a closure")


@says("evaluation weights come and go without a trace")
def evaluation(subject: Subject) -> None:
    watched, alone = parameters(), parameters()
    optimizer, other = subject.build(watched), subject.build(alone)
    for n in range(12):
        before = subject.train(optimizer, watched, 1, start=n)
        evaluated(optimizer, watched)
        equal(watched, before, "the training weights have not come back")
        subject.train(other, alone, 1, start=n)
    equal(watched, alone, "evaluating changes the training")


@says("loop and foreach are equal")
def lifts(subject: Subject) -> None:
    results = []
    for lift in LIFTS:
        params = parameters() + parameters(torch.float32, seed=1) + parameters(HALF, seed=2)
        optimizer = subject.build(params, lift=lift)
        results.append(subject.train(optimizer, params, 20) + tensors_of(optimizer))
    equal(results[1], results[0], "foreach gives other numbers than the loop")


@says("compile is within 1e-6 of the loop", COMPILED)
def compile_lift(subject: Subject) -> None:
    shapes = ((MIN_NUMEL,), (MIN_NUMEL // 64, 64), *SHAPES)  # smaller parameters take the loop's step
    ours, theirs = parameters(torch.float32, shapes), parameters(torch.float32, shapes)
    a = subject.train(subject.build(ours, lift="compile"), ours, 25)
    b = subject.train(subject.build(theirs, lift="loop"), theirs, 25)
    scale = max(x.abs().max().item() for x in b)
    worst = max((x - y).abs().max().item() for x, y in zip(a, b, strict=True)) / scale
    assert worst < 1e-6, f"{worst:.1e} of the largest weight away after 25 steps"
