"""Every optimizer against an independent one, in float64, with a schedule; and identities between them."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
import re
from importlib import import_module

import pytest
import torch
from cases import CASES
from conftest import ROOT
from problem import assert_same, both_backends, close, parameters, train, trajectory
from references import Sutskever

import optim
import optim.optimizers
from optim.rules.aggmo import AggMoConfig, AggMoExpConfig
from optim.rules.sgd import MomentumConfig, SGDConfig


def _halving(optimizer):
    return torch.optim.lr_scheduler.StepLR(optimizer, 15, 0.5)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.reference])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch_optimizer")
@pytest.mark.filterwarnings("ignore:This overload of add:UserWarning")  # adabound
def test_equals_reference(name):
    case, ours, theirs = CASES[name], parameters(), parameters()
    mine, reference = case.build(ours), case.reference(theirs)
    first = _halving(mine), _halving(reference)
    for _ in range(3):
        a = train(mine, ours, 16, scheduler=first[0])
        b = train(reference, theirs, 16, scheduler=first[1])
        close(a, b)


def test_the_published_table_has_every_case():
    """docs/results/parity.md, which tests/optim/parity_table.py writes."""
    table = (ROOT / "docs" / "results" / "parity.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [n for n, case in CASES.items() if case.reference]


def test_identities_between_methods():
    assert_same(trajectory(AggMoConfig(0.1, (0.7,))), trajectory(MomentumConfig(0.1, 0.7)))
    assert_same(trajectory(AggMoConfig(0.1, (0.0,))), trajectory(SGDConfig(0.1)))
    assert_same(trajectory(MomentumConfig(0.1, 0.0)), trajectory(SGDConfig(0.1)))
    assert_same(trajectory(AggMoExpConfig(0.1, 0.1, 3)), trajectory(AggMoConfig(0.1, (0.0, 1 - 0.1, 1 - 0.1**2))))


def test_heavy_ball_has_the_rate_of_its_eigenvalues():
    """On h x^2 / 2 the map (v, x) -> (w, x - lr w), w = b v + h x, has spectral radius sqrt(b) where complex."""
    p = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    optimizer, peaks = optim.Momentum([p], lr=0.1, momentum=0.81), []
    for _ in range(200):
        p.grad = p.detach().clone()
        optimizer.step()
        peaks.append(abs(p.item()))
    rate = (max(peaks[150:]) / max(peaks[50:100])) ** 0.01
    assert abs(rate - 0.9) < 0.005


MODULES = sorted(module.name for module in pkgutil.iter_modules(optim.optimizers.__path__, "optim.optimizers."))


@pytest.mark.parametrize("module", MODULES)
def test_docstring_numbers(module):
    result = doctest.testmod(import_module(module))
    assert result.attempted and not result.failed


SGD_ARGUMENTS = [
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
    {"weight_decay": 0.1},
]


@pytest.mark.parametrize("arguments", SGD_ARGUMENTS, ids=str)
def test_sgd_takes_torchs_arguments(arguments):
    ours, theirs = parameters(), parameters()
    a = train(optim.SGD(ours, lr=0.05, **arguments), ours, 20)
    b = train(torch.optim.SGD(theirs, lr=0.05, **arguments), theirs, 20)
    close(a, b)


def test_sgd_with_momentum_is_momentum():
    for arguments, kind in (({"momentum": 0.8, "dampening": 0.4}, optim.Momentum), ({"momentum": 0.8}, optim.Momentum)):
        ours, theirs = parameters(), parameters()
        one = optim.SGD(ours, 0.05, **arguments)
        other = kind(theirs, 0.05, **arguments)
        assert_same(train(one, ours, 9), train(other, theirs, 9))
        one.set_momentum(0.5)
        assert one.param_groups[0]["momentum"] == 0.5


LR_INSIDE = [
    (optim.Momentum, {"momentum": 0.9}, {}),
    (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}, {"l2": 0.1}),
    (optim.Nesterov, {"momentum": 0.9}, {"nesterov": True}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {"nesterov": True, "l2": 0.1}),
    (optim.SGDW, {"momentum": 0.9, "weight_decay": 0.1}, {"decay": 0.1}),
]


@both_backends
@pytest.mark.parametrize(("kind", "ours", "theirs"), LR_INSIDE)
def test_lr_in_velocity_over_a_plateaus_cuts(kind, ours, theirs, backend):
    one, other, outside = parameters(), parameters(), parameters()
    optimizer = kind(one, 0.05, **ours, lr_in_velocity=True, backend=backend)
    usual = kind(outside, 0.05, **ours)
    reference = Sutskever(other, 0.05, 0.9, **theirs)
    for cut in range(3):
        for each in (optimizer, usual, reference):
            each.param_groups[0]["lr"] = 0.05 * 0.1**cut
        found = train(optimizer, one, 10, start=10 * cut), train(usual, outside, 10, start=10 * cut)
        wanted = train(reference, other, 10, start=10 * cut)
        close(found[0], wanted)
        apart = max(float((x - y).abs().max()) for x, y in zip(found[1], wanted, strict=True))
        assert apart < 1e-12 if cut == 0 else apart > 1e-3


# switches of torch's implementation, which have no meaning here
TORCH_ONLY = {"foreach", "fused", "capturable", "differentiable"}


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adadelta", "Adafactor"])
def test_torchs_arguments_are_known_in_torchs_order(name):
    theirs = [n for n in inspect.signature(getattr(torch.optim, name)).parameters if n not in TORCH_ONLY]
    theirs.remove("maximize")
    ours = list(inspect.signature(getattr(optim, name)).parameters)
    assert ours[: len(theirs)] == theirs and "maximize" in ours
