"""The optimizers on CUDA tensors without data: no step mixes devices or waits for the device."""

from __future__ import annotations

import pytest
import torch
from cases import CASES
from fake_cuda import WAITS, fake_cuda, no_waiting
from problem import both_backends
from users import METHODS

import optim
from optim.stacked import StackedOptimizers

OTHERS = ("adamw_amsgrad", "radamw_nesterov", "momo_pullback", "schedule_free", "swa")
MAKERS = {**METHODS, **{name: CASES[name].build for name in OTHERS}}
SHAPES = {torch.float32: ((4, 3),), torch.bfloat16: ((5,),)}


def _params():
    return [torch.nn.Parameter(torch.ones(s, dtype=d, device="cuda")) for d, shapes in SHAPES.items() for s in shapes]


def _step(optimizer, params):
    for p in params:
        p.grad = torch.ones_like(p)
    return optimizer.step(loss=torch.ones((), device="cuda"))


@both_backends
@pytest.mark.parametrize("name", MAKERS)
def test_steps_wait_for_nothing(name, backend):
    with fake_cuda():
        params = _params()
        optimizer = MAKERS[name]([{"params": params[:1]}, {"params": params[1:]}])
        optimizer.backend = backend
        with no_waiting():
            for _ in range(3 if optimizer.wrap else 2):  # Lookahead's slow weights are synchronised at the third
                _step(optimizer, params)
            old = [p.detach().clone() for p in params]
            metrics = optimizer.step_metrics(old)
            with optimizer.evaluation_weights():
                shown = [p.sum() for p in params]
        tensors = [x for s in optimizer.state.values() for x in s.values() if isinstance(x, torch.Tensor)]
        assert {x.device.type for x in [*params, *shown, *metrics.values(), *tensors]} == {"cuda"}


@pytest.mark.parametrize("name", ["aggmo", "momo", "schedule_free", "swa", "wrapped_in_all"])
def test_stacked_steps_wait_for_nothing(name):
    with fake_cuda():
        members = [MAKERS[name]([p for p in _params() if p.dtype == torch.float32]) for _ in range(2)]
        runs = StackedOptimizers(members)
        gradients = [torch.ones_like(p) for p in runs.params]
        losses = torch.ones(2, device="cuda")
        with no_waiting():
            for _ in range(2):
                runs.advance()
                update = torch.vmap(runs.update())
                update(runs.params, gradients, runs.states, runs.global_state, runs.values(), losses, runs.noise())
        assert {p.device.type for p in runs.params} == {"cuda"}


MISTAKES = {
    "reads the gradient": lambda u: u if float(u.sum()) > 0 else 2 * u,
    "counts on the CPU": lambda u: u * torch.tensor(2.0).to(u.device),
    "copies to the CPU": lambda u: u + u.cpu().norm().to(u.device),
    "masks": lambda u: u / u[u > 0].numel(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_rule_is_found(mistake, monkeypatch):
    rule = type(optim.configs()["sgd"]().transforms()[0])
    monkeypatch.setattr(rule, "update", lambda self, u, p, s, h, ctx: MISTAKES[mistake](u))
    with fake_cuda():
        params = _params()
        optimizer = optim.SGD(params, backend="loop")
        with no_waiting(), pytest.raises(WAITS):
            _step(optimizer, params)
