"""Properties in a training loop: schedules, scaling, closures, evaluation, backends."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .candidate import Candidate, copies, parameters, set_gradients, tensors_of
from .checks import BACKENDS, COMPILE_CHECKS, HALF, check, differ, equal, evaluated


@check("schedulers act")
def schedulers(candidate: Candidate) -> None:
    fixed, moved, late = parameters(), parameters(), parameters()
    a = candidate.train(candidate.build(fixed), fixed, 8)
    for params, make in (
        (moved, lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t))),
        (late, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 8)),
    ):
        optimizer = candidate.build(params)
        start = optimizer.param_groups[0]["lr"]
        b = candidate.train(optimizer, params, 8, after=make(optimizer).step)
        assert optimizer.param_groups[0]["lr"] < start, "the learning rate does not follow the schedule"
        assert differ(a, b), "a schedule has no effect"


@check("lr=0 moves nothing")
def zero_rate(candidate: Candidate) -> None:
    params = parameters()
    before = copies(params)
    got = candidate.train(candidate.build([{"params": params, "lr": 0.0}]), params, 12)
    equal(got, before, "weights move at lr=0")


@check("lr may be a tensor")
def tensor_rate(candidate: Candidate) -> None:
    for backend in BACKENDS:
        results = []
        for kind in (float, lambda x: torch.tensor(x, dtype=torch.float64)):
            params = parameters()
            lr = kind(candidate.defaults["lr"])
            optimizer = candidate.build([{"params": params, "lr": lr}], backend=backend)
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
            results.append(candidate.train(optimizer, params, 8, after=schedule.step))
        close = all(torch.allclose(x, y, rtol=1e-11, atol=1e-12) for x, y in zip(*results, strict=True))
        assert close, f"other weights than with the same number ({backend})"


@check("GradScaler: unscaled steps, and a skipped step changes nothing")
def grad_scaler(candidate: Candidate) -> None:
    scaled, plain = parameters(torch.float32), parameters(torch.float32)
    optimizer, reference = candidate.build(scaled), candidate.build(plain)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)  # type: ignore
    for n in range(4):
        scaler.scale(torch.ones(()))
        loss = set_gradients(scaled, n)
        set_gradients(plain, n)
        for p in scaled:
            p.grad *= scaler.get_scale()  # type: ignore
        given: dict[str, Any] = {"loss": loss} if candidate.uses_loss else {}
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


@check("a closure is called once, with gradients enabled")
def closure(candidate: Candidate) -> None:
    plain, closed = parameters(), parameters()
    candidate.train(candidate.build(plain), plain, 6)
    optimizer, losses = candidate.build(closed), []
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


@check("evaluation weights come and go without a trace")
def evaluation(candidate: Candidate) -> None:
    watched, alone = parameters(), parameters()
    optimizer, other = candidate.build(watched), candidate.build(alone)
    for n in range(12):
        before = candidate.train(optimizer, watched, 1, start=n)
        evaluated(optimizer, watched)
        equal(watched, before, "the training weights have not come back")
        candidate.train(other, alone, 1, start=n)
    equal(watched, alone, "evaluating changes the training")


@check("loop and foreach are equal")
def backends(candidate: Candidate) -> None:
    results = []
    for backend in BACKENDS:
        params = parameters() + parameters(torch.float32, seed=1) + parameters(HALF, seed=2)
        optimizer = candidate.build(params, backend=backend)
        results.append(candidate.train(optimizer, params, 20) + tensors_of(optimizer))
    equal(results[1], results[0], "foreach gives other numbers than the loop")


@check("compile is within 1e-6 of the loop", COMPILE_CHECKS)
def compile_backend(candidate: Candidate) -> None:
    ours, theirs = parameters(torch.float32), parameters(torch.float32)
    a = candidate.train(candidate.build(ours, backend="compile"), ours, 25)
    b = candidate.train(candidate.build(theirs, backend="loop"), theirs, 25)
    scale = max(x.abs().max().item() for x in b)
    worst = max((x - y).abs().max().item() for x, y in zip(a, b, strict=True)) / scale
    assert worst < 1e-6, f"{worst:.1e} of the largest weight away after 25 steps"
