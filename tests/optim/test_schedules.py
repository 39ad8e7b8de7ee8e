"""Schedules against torch's own schedulers, epoch by epoch or step by step."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from optim.schedules import SCHEDULES, Constant, Cosine, Exp, Linear, LRScheduler, Plateau, Poly, Step

EPOCHS, STEPS = 12, 5


def torch_lrs(make, n):
    """The learning rates before each of n calls of a torch scheduler's step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = make(optimizer)
    lrs = []
    for _ in range(n):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return lrs


def our_lrs(schedule, epochs=EPOCHS, steps=STEPS):
    pace = LRScheduler(schedule, steps, epochs)
    return [0.1 * pace.factor(step) for step in range(epochs * steps)]


PER_EPOCH = [
    (Step(milestones=(3, 7), lr_decay=0.5), lambda o: lr_scheduler.MultiStepLR(o, [3, 7], 0.5)),
    (Exp(lr_decay=0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    (Constant(), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
]
PER_STEP = [
    (Cosine(), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS * STEPS)),
    (Cosine(final=0.2), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS * STEPS, eta_min=0.02)),
    (Poly(power=2.0), lambda o: lr_scheduler.PolynomialLR(o, EPOCHS * STEPS, 2.0)),
    (Linear(), lambda o: lr_scheduler.PolynomialLR(o, EPOCHS * STEPS, 1.0)),
    (Linear(final=0.3), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.3, EPOCHS * STEPS)),
]


@pytest.mark.parametrize(("schedule", "theirs"), PER_EPOCH, ids=lambda v: getattr(v, "name", ""))
def test_per_epoch_schedules_are_torchs(schedule, theirs):
    expected = [lr for lr in torch_lrs(theirs, EPOCHS) for _ in range(STEPS)]
    assert our_lrs(schedule) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("schedule", "theirs"), PER_STEP, ids=lambda v: getattr(v, "name", ""))
def test_per_step_schedules_are_torchs(schedule, theirs):
    assert our_lrs(schedule) == pytest.approx(torch_lrs(theirs, EPOCHS * STEPS), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("patience", [0, 2])
def test_plateau_is_torchs(patience):
    losses = [5, 4, 4, 4.1, 4, 3.9999, 3, 3, 3, 3, float("nan"), 2, 2, 2]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=patience, eps=0)
    ours = LRScheduler(Plateau(lr_decay=0.1, patience=patience), STEPS, len(losses))
    for epoch, loss in enumerate(losses):
        assert 0.1 * ours.factor(epoch * STEPS) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        theirs.step(loss)
        ours.end_epoch(train_loss=-epoch, val_loss=loss)
    assert optimizer.param_groups[0]["lr"] < 0.1


@pytest.mark.parametrize("shift", [0.0, -1.0, -10.0])
def test_plateau_sees_whether_losses_of_either_sign_improve(shift):
    scheduler = LRScheduler(Plateau(lr_decay=0.1, patience=0, threshold=0.01), 1, 99)
    for loss in (0.9, 0.5, 0.2):
        scheduler.end_epoch(0.0, loss + shift)
    assert scheduler.scale == 1.0, "each is better by more than the threshold"
    for _ in range(2):
        scheduler.end_epoch(0.0, 0.2 + shift)
    assert scheduler.scale == pytest.approx(0.01)


def test_plateau_watches_what_it_is_told_to():
    pace = LRScheduler(Plateau(patience=0, watch="train"), 1, 9)
    for loss in (1.0, 1.0):
        pace.end_epoch(train_loss=loss, val_loss=-loss)
    assert pace.factor(2) == pytest.approx(0.1)


def test_plateau_survives_a_checkpoint():
    pace, fresh = (LRScheduler(Plateau(patience=1), 1, 9) for _ in range(2))
    for loss in (1.0, 1.0):
        pace.end_epoch(0, loss)
    fresh.load_state_dict(pace.state_dict())
    for each in (pace, fresh):
        each.end_epoch(0, 1.0)
    assert pace.factor(3) == fresh.factor(3) == pytest.approx(0.1)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_warmup_rises_linearly_by_step_to_the_whole_rate(name):
    schedule = SCHEDULES[name](warmup=1.6)  # 8 steps
    pace, cold = LRScheduler(schedule, STEPS, EPOCHS), LRScheduler(SCHEDULES[name](), STEPS, EPOCHS)
    ramp = [pace.factor(step) for step in range(8)]
    if schedule.after_warmup:
        assert ramp == pytest.approx([(step + 1) / 8 for step in range(8)])
        assert pace.factor(8) == 1.0
    else:
        assert ramp == pytest.approx([(step + 1) / 8 * cold.factor(step) for step in range(8)])
        assert [pace.factor(s) for s in range(8, 60)] == [cold.factor(s) for s in range(8, 60)]


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_factors_stay_finite_and_in_range_for_any_length(name):
    for epochs, steps, warmup in ((1, 1, 0.0), (1, 1, 1.0), (3, 2, 3.0), (2, 7, 0.1)):
        pace = LRScheduler(SCHEDULES[name](warmup=warmup), steps, epochs)
        assert all(0 <= pace.factor(s) <= 1 and math.isfinite(pace.factor(s)) for s in range(epochs * steps))


def test_every_group_keeps_its_own_base_rate():
    a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 0.1}])
    assert LRScheduler(Exp(lr_decay=0.5), 1, 9).set_lr(optimizer, [1.0, 0.1], 2) == 0.25
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, pytest.approx(0.025)]


def test_falling_milestones_are_refused():
    with pytest.raises(ValueError, match="rise"):
        Step(milestones=(5, 3))
