"""What torch.optim accepts, every method accepts: numbers, groups, schedulers' keys, states, losses, checkpoints."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
from cases import CASES
from problem import assert_same, weights
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR, ReduceLROnPlateau, StepLR
from torch.optim.swa_utils import SWALR
from users import METHODS, REFERENCES, listed, loss_for, small, steps

import optim

NUMBERS = {
    "int": 1,
    "float32": np.float32(0.1),
    "int64": np.int64(1),
    "double tensor": torch.tensor(0.1, dtype=torch.float64),
    "integer tensor": torch.tensor(1),
    "tensor of one element": torch.tensor([0.1]),
}


def _rate(value):
    def check(make):
        optimizer = steps(make([{"params": small(), "lr": value}]))
        optimizer.load_state_dict(optimizer.state_dict())
        scheduler = StepLR(steps(optimizer, 1), 1)
        steps(optimizer, 1)
        scheduler.step()
        assert all(p.isfinite().all() for p in optimizer.param_groups[0]["params"])

    return check


def _numpys_numbers(make):
    """As a schedule of one's own writes them."""
    optimizer = steps(make(small()))
    (group,) = optimizer.param_groups
    for kind in (np.float64, np.float32):
        for key in group.keys() & {"lr", "betas", "momentum", "weight_decay", "eps"}:
            group[key] = tuple(map(kind, group[key])) if isinstance(group[key], tuple) else kind(group[key])
        assert all(p.isfinite().all() for p in steps(optimizer).param_groups[0]["params"])


def _empty_first_group(make):
    optimizer = steps(make([{"params": []}, {"params": small()}]))
    optimizer.load_state_dict(optimizer.state_dict())
    steps(optimizer)


def _only_an_empty_group(make):
    optimizer = steps(make([{"params": []}]))
    optimizer.add_param_group({"params": small()})
    optimizer.load_state_dict(steps(optimizer).state_dict())


def _one_tensor_a_group(make):
    first, second = small()
    steps(make([{"params": first, "name": "bias"}, {"params": (p for p in [second])}]))


def _names(make):
    optimizer = steps(make(torch.nn.Linear(2, 2).named_parameters()))
    steps(make(optimizer.param_groups))


SCHEDULERS = {
    "StepLR": lambda optimizer: StepLR(optimizer, 1),
    "OneCycleLR": lambda optimizer: OneCycleLR(optimizer, 0.1, total_steps=9, cycle_momentum=False),
    "CyclicLR": lambda optimizer: CyclicLR(optimizer, 0.01, 0.1, cycle_momentum=False),
    "SWALR": lambda optimizer: SWALR(optimizer, 0.05),
}


def _scheduled(schedule):
    def check(make):
        optimizer = make(small())
        scheduler = schedule(optimizer)
        steps(optimizer)
        scheduler.step()
        steps(make(optimizer.param_groups))
        settings = {key: x for key, x in optimizer.param_groups[0].items() if key != "params"}
        optimizer.add_param_group({**settings, "params": small(1)})
        twin = make([{"params": small()}, {"params": small(1)}])
        twin.load_state_dict(steps(optimizer).state_dict())
        assert {key: twin.param_groups[1][key] for key in settings if key in twin.param_groups[1]}.items() <= (
            optimizer.param_groups[1].items()
        )

    return check


def _plateau(make):
    optimizer = make(small())
    ReduceLROnPlateau(optimizer).step(1.0)
    steps(optimizer)


def _empty_state(make):
    optimizer, twin = make(small()), make(small())
    _ = optimizer.state[optimizer.param_groups[0]["params"][0]]  # makes an entry
    twin.load_state_dict(optimizer.state_dict())
    steps(twin)


def _foreign_state(make):
    optimizer, twin = steps(make(small())), make(small())
    optimizer.state["note"] = {"x": 3}
    twin.load_state_dict(optimizer.state_dict())
    assert steps(twin).state["note"] == {"x": 3}


def _steps_in_tensors(make):
    saved, twin = copy.deepcopy(steps(make(small())).state_dict()), make(small())
    for state in saved["state"].values():
        state.update({"step": torch.tensor(float(state["step"]))} if "step" in state else {})
    twin.load_state_dict(saved)
    steps(twin)


def _losses(make):
    losses = torch.ones(1), torch.ones((), dtype=torch.bfloat16), 1, 1.0, np.float32(1), np.float64(1), np.array(1.0)
    optimizer = steps(make(small()))
    for loss in losses:
        optimizer.step(lambda loss=loss: loss)
    assert all(p.isfinite().all() for p in optimizer.param_groups[0]["params"])


def _checkpoint(**options):
    """torch.distributed.checkpoint calls step() without a loss at lr 0, to make the state it loads into."""

    def check(make):
        model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        optimizer, chosen = make(list(model.parameters())), StateDictOptions(**options)
        if not steps(optimizer).state_dict()["state"][0].keys() - {"step"}:
            return  # there is nothing to load: torch refuses its own SGD without momentum, too
        saved = copy.deepcopy(get_optimizer_state_dict(model, optimizer, options=chosen))
        twin_model = copy.deepcopy(model)
        twin_model.zero_grad()
        before, twin = weights(twin_model.parameters()), make(list(twin_model.parameters()))
        set_optimizer_state_dict(twin_model, twin, saved, options=chosen)
        assert_same(before, weights(twin_model.parameters()))
        for key in ("state", "param_groups"):
            assert listed(twin.state_dict()[key]) == listed(optimizer.state_dict()[key])

    return check


def _complex(make):
    for shape in ((), (0,), (3,), (2, 3), (2, 3, 2), (1, 2, 1, 2), (2, 1, 2, 1, 2)):
        p = torch.nn.Parameter(torch.ones(shape, dtype=torch.complex128 if len(shape) % 2 else torch.complex64))
        optimizer = make([p])
        for _ in range(2):
            p.grad = torch.full_like(p, 0.5 + 0.25j)
            optimizer.step(**loss_for(optimizer, [p]))
        optimizer.load_state_dict(optimizer.state_dict())
        assert p.isfinite().all()


ACCEPTED = {
    **{f"lr is {kind}": _rate(value) for kind, value in NUMBERS.items()},
    **{f"groups after {name}": _scheduled(schedule) for name, schedule in SCHEDULERS.items()},
    "ReduceLROnPlateau": _plateau,
    "numpy's numbers in a group": _numpys_numbers,
    "an empty first group": _empty_first_group,
    "only an empty group": _only_an_empty_group,
    "one tensor a group": _one_tensor_a_group,
    "named parameters": _names,
    "an empty state": _empty_state,
    "state of no parameter": _foreign_state,
    "steps in tensors": _steps_in_tensors,
    "losses of every kind": _losses,
    "distributed checkpoint": _checkpoint(),
    "distributed checkpoint, full": _checkpoint(full_state_dict=True),
    "distributed checkpoint, flat": _checkpoint(flatten_optimizer_state_dict=True),
    "complex parameters of every rank": _complex,
}


@pytest.mark.parametrize("usage", ACCEPTED)
def test_what_torch_accepts_every_method_accepts(usage):
    failed = {}
    for name, make in {**REFERENCES, **METHODS}.items():
        try:
            ACCEPTED[usage](make)
        except Exception as error:
            failed[name] = error
    assert not failed


def test_numbers_of_other_types_are_plain_ones():
    wrapper = optim.wrappers()["lookahead"](k=np.int64(3), alpha=Fraction(1, 2))
    optimizer = optim.build(
        optim.configs()["aggmo_exp"](lr=Fraction(1, 4), k=3.0), small(), [wrapper], seed=np.int64(5)
    )
    optimizer.add_param_group({"params": small(1), "seed": torch.tensor(6), "betas": torch.tensor([0.0, 0.5])})
    steps(optimizer, 4)
    kinds = {key: type(x) for group in optimizer.param_groups for key, x in group.items()}
    assert kinds["lr"] is kinds["lookahead.alpha"] is float and kinds["seed"] is int
    assert [group["seed"] for group in optimizer.param_groups] == [5, 6] and type(optimizer.wrap[0].k) is int


@pytest.mark.parametrize("name", ["adamp", "sgdp"])
def test_a_complex_vector_is_a_vector(name):
    """Whatever decides by rank, such as what is a bias, sees twice as many real numbers in one dimension."""
    z = torch.nn.Parameter(torch.tensor([1 + 2j, 0.5 - 1j, -2j], dtype=torch.complex128))
    x = torch.nn.Parameter(torch.view_as_real(z.detach().clone()).flatten())
    ours, theirs = CASES[name].build([z]), CASES[name].build([x])
    for n in range(4):
        z.grad = torch.tensor(0.5 + 0.25j * n, dtype=torch.complex128).expand(3)  # of other strides than z
        x.grad = torch.view_as_real(z.grad.resolve_conj().clone()).flatten()
        ours.step()
        theirs.step()
    assert_same([torch.view_as_real(z).flatten()], [x])
