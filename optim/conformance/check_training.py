"""Properties in a training loop: schedules, scaling, closures, evaluation, backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.optim import lr_scheduler

from ..compile_backend import MIN_NUMEL
from .candidate import SHAPES, Candidate, copies, set_gradients, tensors_of
from .check_groups import others
from .checks import COMPILE_CHECKS, HALF, check, differ, equal, evaluated

SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 8),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, o.param_groups[0]["lr"], total_steps=9, cycle_momentum=False),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=0),
}


@check("schedulers act, as the same rates set by hand")
def schedulers(candidate: Candidate) -> None:
    fixed = candidate.parameters()
    unscheduled = candidate.train(candidate.build(fixed), fixed, 8)
    for name, make in SCHEDULERS.items():
        params, by_hand = candidate.parameters(), candidate.parameters()
        optimizer, other = candidate.build(params), candidate.build(by_hand)
        scheduler, rates = make(optimizer), []
        for n in range(8):
            rates.append(optimizer.param_groups[0]["lr"])
            candidate.train(optimizer, params, 1, start=n)
            scheduler.step(*([1.0] if name == "ReduceLROnPlateau" else []))  # a loss that stays
            other.param_groups[0]["lr"] = rates[n]
            candidate.train(other, by_hand, 1, start=n)
        assert len(set(rates)) > 3, f"the learning rate does not follow {name}"
        equal(params, by_hand, f"{name}: other weights than with the same rates set by hand")
        assert differ(unscheduled, params), f"{name} has no effect"


@check("lr=0 moves nothing")
def zero_rate(candidate: Candidate) -> None:
    params = candidate.parameters()
    before = copies(params)
    got = candidate.train(candidate.build([{"params": params, "lr": 0.0}]), params, 12)
    equal(got, before, "weights move at lr=0")


@check("lr may be a tensor")
def tensor_rate(candidate: Candidate) -> None:
    for backend in candidate.backends:
        results = []
        for kind in (float, lambda x: torch.tensor(x, dtype=torch.float64)):
            params = candidate.parameters()
            lr = kind(candidate.defaults["lr"])
            optimizer = candidate.build([{"params": params, "lr": lr}], backend=backend)
            assert optimizer.param_groups[0]["lr"] is lr, f"the group has another object as its lr ({backend})"
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
            results.append(candidate.train(optimizer, params, 8, after=schedule.step))
        close = all(torch.allclose(x, y, rtol=1e-11, atol=1e-12) for x, y in zip(*results, strict=True))
        assert close, f"other weights than with the same number ({backend})"


@check("GradScaler: unscaled steps, and a skipped step changes nothing")
def grad_scaler(candidate: Candidate) -> None:
    scaled, plain = candidate.parameters(torch.float32), candidate.parameters(torch.float32)
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
    plain, closed = candidate.parameters(), candidate.parameters()
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
        assert len(calls) == 1, f"the closure was called {len(calls)} times"
        assert calls[0], "the closure was called without gradients"
        assert returned is losses[-1], "the loss is not returned"
    equal(closed, plain, "other weights than without a closure")


@check("evaluation weights come and go without a trace")
def evaluation(candidate: Candidate) -> None:
    watched, alone = (candidate.parameters() + candidate.parameters(HALF, seed=1) for _ in range(2))
    optimizer, other = candidate.build(watched), candidate.build(alone)
    evaluated(candidate, optimizer, watched)
    equal(watched, alone, "evaluating before the first step moves weights")
    for n in range(12):
        before = candidate.train(optimizer, watched, 1, start=n)
        _evaluate_and_raise(candidate, optimizer, watched)
        equal(watched, before, "the training weights have not come back")
        candidate.train(other, alone, 1, start=n)
    equal([*watched, *tensors_of(optimizer)], [*alone, *tensors_of(other)], "evaluating changes the training")


def _evaluate_and_raise(candidate: Candidate, optimizer: Any, params: Sequence[Tensor]) -> None:
    """Evaluate inside an evaluation, save, and leave by an exception."""
    with suppress(ZeroDivisionError), candidate.evaluation_weights(optimizer):
        shown = copies(params)
        if candidate.is_own:
            with optimizer.evaluation_weights():
                equal(params, shown, "an evaluation inside another has other weights")
            equal(params, shown, "the end of an evaluation inside another ends both")
        optimizer.state_dict()
        raise ZeroDivisionError


@check("loop and foreach are equal, also where groups differ", own_only="it has no backends")
def backends(candidate: Candidate) -> None:
    fields = candidate.build(candidate.parameters()).group_schema.fields
    numbers = {key: next(others(fields[key][1], x), x) for key, x in candidate.defaults.items()}
    for second in ({}, numbers):
        results = []
        for backend in candidate.backends:
            params = (
                candidate.parameters()
                + candidate.parameters(torch.float32, seed=1)
                + candidate.parameters(HALF, seed=2)
            )
            groups = [{"params": params[::2]}, {"params": params[1::2], **second}]
            optimizer = candidate.build(groups, backend=backend)
            results.append(candidate.train(optimizer, params, 20) + tensors_of(optimizer))
        equal(results[1], results[0], "foreach gives other numbers than the loop")


@check("compile is within 1e-6 of the loop", COMPILE_CHECKS)
def compile_backend(candidate: Candidate) -> None:
    shapes = ((MIN_NUMEL,), (MIN_NUMEL // 64, 64), *SHAPES)  # smaller parameters take the loop's step
    ours, theirs = candidate.parameters(torch.float32, shapes), candidate.parameters(torch.float32, shapes)
    # after more steps training has amplified rounding: the loop itself is then further than 1e-6 from float64
    a = candidate.train(candidate.build(ours, backend="compile"), ours, 10)
    b = candidate.train(candidate.build(theirs, backend="loop"), theirs, 10)
    scale = max(x.abs().max().item() for x in b)
    worst = max((x - y).abs().max().item() for x, y in zip(a, b, strict=True)) / scale
    assert worst < 1e-6, f"{worst:.1e} of the largest weight away after 10 steps"
