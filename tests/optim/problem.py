"""What optimizer tests train on, and how they compare."""

from __future__ import annotations

import inspect
import os
import shutil
from typing import Any

import pytest
import torch

import optim
from optim.conformance.candidate import copies as weights
from optim.conformance.candidate import parameters

__all__ = [
    "assert_same",
    "both_backends",
    "close",
    "loss_of",
    "needs_cpp",
    "parameters",
    "set_gradients",
    "state_of",
    "train",
    "trajectory",
    "weights",
]

both_backends = pytest.mark.parametrize("backend", ["loop", "foreach"])
needs_cpp = pytest.mark.skipif(
    not shutil.which(os.environ.get("CXX", "g++")), reason="torch.compile needs a C++ compiler ($CXX or g++)"
)


def set_gradients(params: Any, step: int) -> None:
    """A non-convex problem that also changes with the step: fresh gradients, none of them zero."""
    for i, p in enumerate(params):
        x = p.detach()
        p.grad = (0.5 + i) * (x - 1) + torch.sin(3 * x) + 0.1 * torch.cos(x + step)


def loss_of(params: Any) -> torch.Tensor:
    """What methods that need a loss are given: it falls with set_gradients' problem, and is odd in the gradient."""
    gradients = [p.grad for p in params if p.grad is not None]
    gradients = [torch.view_as_real(g) if g.is_complex() else g for g in gradients]
    # in the elements' logical order, whatever the memory format
    return -sum((g.double().reshape(-1).sum() for g in gradients), torch.zeros((), dtype=torch.float64))


def _takes_loss(optimizer: Any) -> bool:
    ours = hasattr(optimizer, "pipeline")
    return optimizer.pipeline.uses_loss if ours else "loss" in inspect.signature(optimizer.step).parameters


def train(optimizer: Any, params: Any, steps: int, start: int = 0, scheduler: Any = None) -> list[torch.Tensor]:
    """Take `steps` steps; returns copies of the weights."""
    for step in range(start, start + steps):
        set_gradients(params, step)
        optimizer.step(**({"loss": loss_of(params)} if _takes_loss(optimizer) else {}))
        if scheduler is not None:
            scheduler.step()
    return weights(params)


def trajectory(config: Any, steps: int = 30, **options: Any) -> list[torch.Tensor]:
    """The weights after training with an optimizer built from a configuration."""
    params = parameters()
    return train(optim.build(config, params, **options), params, steps)


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal to the last bit."""
    close(ours, theirs, 0)


def close(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """Equal up to a relative and absolute tolerance."""
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x.detach(), y.detach(), rtol=tolerance, atol=tolerance, equal_nan=True)


def state_of(optimizer: Any) -> list[torch.Tensor]:
    return [x for s in optimizer.state.values() for x in s.values() if isinstance(x, torch.Tensor)]
