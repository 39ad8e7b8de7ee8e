"""Prodigy's estimate is that of the authors' package, is reported, and survives a nan."""

from __future__ import annotations

import prodigyopt
import pytest
import torch
from problem import parameters, set_gradients, train

import optim


def test_the_estimate_is_that_of_the_package():
    ours, theirs = parameters(), parameters()
    mine, reference = optim.Prodigy(ours, d0=1e-3), prodigyopt.Prodigy(theirs, d0=1e-3)
    for n in range(20):
        old = [p.detach().clone() for p in ours]
        train(mine, ours, 1, start=n)
        train(reference, theirs, 1, start=n)
        estimate = reference.param_groups[0]["d"]
        assert float(mine.step_metrics(old)["d"]) == pytest.approx(estimate, rel=1e-12)
    assert estimate > 0.1  # grown from 1e-3


@pytest.mark.parametrize("backend", ["loop", "foreach"])
def test_a_nan_gradient_leaves_the_estimate(backend):
    params = parameters(shapes=((4,), (3, 2)))
    optimizer = optim.Prodigy(params, d0=1e-3, backend=backend)
    train(optimizer, params, 5)
    before = float(optimizer.param_groups[0]["d"])
    set_gradients(params, 5)
    params[0].grad[1] = float("nan")
    optimizer.step()
    train(optimizer, params, 2, start=6)
    assert float(optimizer.param_groups[0]["d"]) == before > 1e-3
    assert params[1].isfinite().all() and torch.isnan(params[0]).sum() == 1
