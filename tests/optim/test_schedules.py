"""Schedules against torch's own schedulers, epoch by epoch or step by step."""

import dataclasses
import math
import re

import pytest
import torch
from conftest import ROOT
from torch.optim import lr_scheduler

from optim.schedules import (
    SCHEDULES,
    WSD,
    Constant,
    Cosine,
    Exp,
    InverseSqrt,
    Linear,
    LRScheduler,
    OneCycle,
    Plateau,
    Poly,
    Power,
    Step,
)

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
    (Cosine(T_0=2.4), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 12)),
    (Cosine(T_0=1, T_mult=2, final=0.1), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, STEPS, 2, 0.01)),
    *(
        (
            OneCycle(**keys),
            lambda o, keys=keys: lr_scheduler.OneCycleLR(o, 0.1, EPOCHS * STEPS, cycle_momentum=False, **keys),
        )
        for keys in (
            {},
            {"pct_start": 0.17, "div_factor": 10.0, "final_div_factor": 50.0},
            {"three_phase": True},
            {"three_phase": True, "pct_start": 0.41, "anneal_strategy": "linear", "final_div_factor": 3.0},
        )
    ),
]


@pytest.mark.parametrize(("schedule", "theirs"), PER_EPOCH, ids=lambda v: getattr(v, "name", ""))
def test_per_epoch_schedules_are_torchs(schedule, theirs):
    expected = [lr for lr in torch_lrs(theirs, EPOCHS) for _ in range(STEPS)]
    assert our_lrs(schedule) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("schedule", "theirs"), PER_STEP, ids=lambda v: getattr(v, "name", ""))
def test_per_step_schedules_are_torchs(schedule, theirs):
    assert our_lrs(schedule) == pytest.approx(torch_lrs(theirs, EPOCHS * STEPS), rel=1e-9, abs=1e-15)


def wsd_of_transformers(step, warmup, stable, decay, kind, final):
    """The formula of transformers' get_wsd_schedule (warmup_type linear), whose step 0 has the learning rate 0."""
    if step < warmup:
        return step / warmup
    if step < warmup + stable:
        return 1.0
    x = (step - warmup - stable) / decay
    tail = {"linear": 1 - x, "cosine": 0.5 * (1 + math.cos(math.pi * x)), "1-sqrt": 1 - x**0.5}[kind]
    return max(0.0, (1 - final) * tail + final)


@pytest.mark.parametrize(("kind", "final"), [("linear", 0.0), ("cosine", 0.1), ("1-sqrt", 0.3)])
def test_wsd_is_that_of_transformers(kind, final):
    warmup, stable, decay = 10, 35, 15
    ours = our_lrs(WSD(warmup=2, decay_ratio=0.25, decay_type=kind, final=final))
    theirs = [0.1 * wsd_of_transformers(step, warmup, stable, decay, kind, final) for step in range(60)]
    assert ours[warmup:] == pytest.approx(theirs[warmup:], rel=1e-12)
    assert ours[: warmup - 1] == pytest.approx(theirs[1:warmup], rel=1e-12), "the warmup is one step ahead"


def test_wsd_is_a_constant_run_and_a_linear_branch_to_the_last_bit():
    whole = LRScheduler(WSD(decay_ratio=0.25), STEPS, EPOCHS)
    branch = LRScheduler(Linear(), STEPS, 3, first_epoch=9)
    assert [whole.factor(step) for step in range(45)] == [1.0] * 45
    assert [whole.factor(step) for step in range(45, 60)] == [branch.factor(step) for step in range(45, 60)]


def test_inverse_sqrt_is_vaswanis_and_t5s():
    d_model, warmup = 512, 4 * STEPS
    vaswani = [d_model**-0.5 * min(n**-0.5, n * warmup**-1.5) for n in range(1, 61)]
    peak = max(vaswani)
    assert our_lrs(InverseSqrt(warmup=4)) == pytest.approx([0.1 * lr / peak for lr in vaswani], rel=1e-12)
    t5 = [1 / max(n, 25) ** 0.5 for n in range(1, 61)]
    assert our_lrs(InverseSqrt(timescale=5)) == pytest.approx([0.1 * lr / t5[0] for lr in t5], rel=1e-12)


def test_power_is_shens_and_the_pure_power_law():
    shen = [min(0.1, 4 * 0.05 * (64 * n) ** -0.51) for n in range(1, 61)]  # batches of 64 tokens, never at 0.1
    at_one = 4 * 0.05 * 64**-0.51
    assert our_lrs(Power(timescale=0)) == pytest.approx([0.1 * lr / at_one for lr in shen], rel=1e-12)
    amplitude = 0.1 * 15**0.7  # equal at step 15, which is epoch 3
    shen = [min(0.1, amplitude * n**-0.7) for n in range(1, 61)]
    assert our_lrs(Power(timescale=3, exponent=0.7)) == pytest.approx(shen, rel=1e-12)


def test_a_staircase_falls_once_an_epoch():
    epochs = [step // STEPS for step in range(60)]
    inverse, roots = Power(timescale=0, exponent=1.0, staircase=True), InverseSqrt(timescale=0, staircase=True)
    assert our_lrs(inverse) == pytest.approx([0.1 / (e + 1) for e in epochs], rel=1e-14)
    assert our_lrs(roots) == pytest.approx([0.1 / (e + 1) ** 0.5 for e in epochs], rel=1e-14)
    held = our_lrs(Power(timescale=3, exponent=1.0, staircase=True))
    assert held == pytest.approx([0.1 * min(1, 3 / (e + 1)) for e in epochs], rel=1e-14)


@pytest.mark.parametrize(
    ("schedule", "problem", "note"),
    [
        (Cosine(T_0=30, warmup=5), "T_0=30 is longer than the 25 epochs that the run has after warmup=5", ""),
        (Cosine(T_0=10), "", ""),
        (Cosine(T_0=10, T_mult=2), "", ""),
        (Cosine(T_0=10, T_mult=3), "", "starts at epoch 10 and would end at 40; the run ends at 30"),
        (WSD(warmup=10, decay_ratio=0.7), "warmup=10 and decay_ratio=0.7, which is 21 epochs", ""),
        (WSD(warmup=10, decay_ratio=0.6), "", ""),
        (Step(), "", "reaches no milestone"),
        (Step(milestones=(20, 30, 40)), "", "reaches not the milestones [30, 40]"),
        (Power(timescale=30), "", "timescale=30: in a run of 30 epochs the learning rate never falls"),
        (InverseSqrt(warmup=30), "", "warmup=30: in a run of 30 epochs the learning rate never falls"),
        (Linear(warmup=31), "warmup=31 is longer than the run, epochs=30", ""),
    ],
    ids=lambda value: "",
)
def test_what_does_not_fit_the_run_is_said(schedule, problem, note):
    assert problem in schedule.problem(30) and bool(problem) == bool(schedule.problem(30))
    notes = list(schedule.notes(30))
    assert len(notes) == bool(note) and note in "".join(notes)


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
    if name == "one_cycle":
        with pytest.raises(ValueError, match="warmup=1.6 must be 0: pct_start"):
            SCHEDULES[name](warmup=1.6)
        return
    keys = {"timescale": 3.0} if name in ("inverse_sqrt", "power") else {}
    schedule = SCHEDULES[name](warmup=1.6, **keys)  # 8 steps
    pace, cold = LRScheduler(schedule, STEPS, EPOCHS), LRScheduler(SCHEDULES[name](**keys), STEPS, EPOCHS)
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
        pace = LRScheduler(SCHEDULES[name](warmup=warmup * (name != "one_cycle")), steps, epochs)
        assert all(0 <= pace.factor(s) <= 1 and math.isfinite(pace.factor(s)) for s in range(epochs * steps))


def test_every_group_keeps_its_own_base_rate():
    a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 0.1}])
    assert LRScheduler(Exp(lr_decay=0.5), 1, 9).set_lr(optimizer, [1.0, 0.1], 2) == 0.25
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, pytest.approx(0.025)]


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        (Step, {"milestones": (5, 3)}, "rise"),
        (Cosine, {"T_mult": 2}, "T_mult=2 needs T_0"),
        (OneCycle, {"pct_start": 0.6, "three_phase": True}, "pct_start=0.6 with three_phase"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(kind, keys, message):
    with pytest.raises(ValueError, match=message):
        kind(**keys)


def test_the_table_of_the_docs_is_that_of_the_classes():
    text = (ROOT / "docs" / "schedules.md").read_text()
    tables = [re.findall(rf"^\| {head} \|.*?\n\n", text, re.DOTALL | re.MULTILINE)[0] for head in ("schedule", "here")]
    rows = [table.strip().splitlines()[2:] for table in tables]
    keys_table, names_table = ({row.split("`")[1]: row for row in table} for table in rows)
    assert keys_table.keys() == names_table.keys() == SCHEDULES.keys()
    for name, kind in SCHEDULES.items():
        fields = [field for field in dataclasses.fields(kind) if field.name != "warmup"]
        written = " ".join(f"{field.name}={as_yaml(field.default)}" for field in fields)
        assert (f"| `{written}` |" if written else "| |") in keys_table[name]
        source = keys_table[name].split("|")[-2]
        doc = kind.__doc__.replace("\n", " ")
        assert all(word in doc for word in re.findall(r"[A-Z]\w+|\d{4}", source)), f"{name}: {source}"
        (ROOT / "configs" / "optim" / "lr_schedule" / f"{name}.yaml").read_text().index(f"name: {name}\n")


def as_yaml(value):
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(list(value)).replace(" ", "") if isinstance(value, tuple) else str(value)
