"""The table that the optimizer tests share: what to build, and a problem to train on."""

from __future__ import annotations

import inspect
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cases_adaptive
import cases_moments
import cases_wrapped
import pytest
import torch

import optim
from optim.rules.adam import AdamConfig
from optim.rules.aggmo import AggMoConfig, AggMoExpConfig
from optim.rules.sgd import MomentumConfig, NesterovConfig, SGDConfig
from optim.transform import GlobalTransform
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.lookahead import LookaheadWrapper

with warnings.catch_warnings():
    # its modules use typing and torch names that have gone out of fashion; ours do not
    warnings.simplefilter("ignore")
    import torch_optimizer

needs_cpp = pytest.mark.skipif(
    not shutil.which(os.environ.get("CXX", "g++")), reason="torch.compile needs a C++ compiler ($CXX or g++)"
)

SHAPES = ((), (5,), (4, 3), (2, 3, 2, 2))


@dataclass(frozen=True)
class Case:
    """An optimizer of ours, its number of state buffers, what it must agree with to 1e-12, and its 0-dim state."""

    config: optim.OptimizerConfig
    buffers: int
    reference: Callable[[Any], torch.optim.Optimizer] | None = None
    wrap: tuple[optim.Wrapper, ...] = field(default=())
    scalars: int = 0

    @property
    def joint(self) -> bool:
        """Whether a parameter's step depends on the others."""
        return any(isinstance(transform, GlobalTransform) for transform in (*self.config.transforms(), *self.wrap))

    def build(self, params: Any, **options: Any) -> Any:
        optimizer = optim.build(self.config, params, self.wrap, **options)
        if optimizer.pipeline.uses_loss:
            optimizer.register_step_pre_hook(_supply_loss)
        return optimizer


def _torch_sgd(**settings: Any) -> Any:
    return lambda params: torch.optim.SGD(params, lr=0.05, **settings)


_betas = (0.0, 0.8, 0.97)
CASES = {
    "sgd": Case(SGDConfig(0.05), 0, _torch_sgd()),
    "sgd_l2": Case(SGDConfig(0.05, weight_decay=0.1), 0, _torch_sgd(weight_decay=0.1)),
    "momentum": Case(MomentumConfig(0.05, 0.9), 1, _torch_sgd(momentum=0.9)),
    "momentum_damped": Case(
        MomentumConfig(0.05, 0.9, dampening=0.4, weight_decay=0.1),
        1,
        _torch_sgd(momentum=0.9, dampening=0.4, weight_decay=0.1),
    ),
    "nesterov": Case(
        NesterovConfig(0.05, 0.8, weight_decay=0.1), 1, _torch_sgd(momentum=0.8, weight_decay=0.1, nesterov=True)
    ),
    "adam": Case(AdamConfig(0.05), 2, lambda ps: torch.optim.Adam(ps, lr=0.05)),
    "adam_l2": Case(
        AdamConfig(0.05, (0.8, 0.95), 1e-6, 0.1),
        2,
        lambda ps: torch.optim.Adam(ps, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    ),
    "aggmo": Case(AggMoConfig(0.05, _betas), 3, lambda ps: torch_optimizer.AggMo(ps, lr=0.05, betas=_betas)),
    "aggmo_l2": Case(
        AggMoConfig(0.05, _betas, 0.1),
        3,
        lambda ps: torch_optimizer.AggMo(ps, lr=0.05, betas=_betas, weight_decay=0.1),
    ),
    "aggmo_exp": Case(
        AggMoExpConfig(0.05, 0.2, 4), 4, lambda ps: torch_optimizer.AggMo.from_exp_form(ps, lr=0.05, a=0.2, k=4)
    ),
    "noisy": Case(MomentumConfig(0.05), 1, None, (GradientNoiseWrapper(0.1),)),
    "lookahead": Case(AdamConfig(0.05), 3, None, (LookaheadWrapper(3, 0.6),)),
    "noisy_lookahead": Case(
        AggMoConfig(0.05, weight_decay=0.1), 4, None, (LookaheadWrapper(4), GradientNoiseWrapper())
    ),
    **cases_moments.rows(Case),
    **cases_wrapped.rows(Case),
    **cases_adaptive.rows(Case),
}


def parameters(dtype: torch.dtype = torch.float64, shapes: Any = SHAPES, seed: int = 0) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype)) for s in shapes]


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
    ours = hasattr(optimizer, "plan")
    return optimizer.pipeline.uses_loss if ours else "loss" in inspect.signature(optimizer.step).parameters


def _supply_loss(optimizer: Any, args: Any, kwargs: Any) -> Any:
    """A hook for tests that call step() themselves."""
    if len(args) == 1 and not kwargs:
        return args, {"loss": loss_of([p for group in optimizer.param_groups for p in group["params"]])}
    return None


def train(optimizer: Any, params: Any, steps: int, start: int = 0, scheduler: Any = None) -> list[torch.Tensor]:
    """Take `steps` steps; returns copies of the weights."""
    for step in range(start, start + steps):
        set_gradients(params, step)
        optimizer.step(**({"loss": loss_of(params)} if _takes_loss(optimizer) else {}))
        if scheduler is not None:
            scheduler.step()
    return weights(params)


def weights(params: Any) -> list[torch.Tensor]:
    return [p.detach().clone() for p in params]


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal to the last bit."""
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0, equal_nan=True)


def assert_compiled_is_close(name: str) -> None:
    """25 compiled steps of a case agree with the loop's to 1e-6."""
    ours, theirs = parameters(torch.float32), parameters(torch.float32)
    train(CASES[name].build(ours, backend="compile"), ours, 25)
    train(CASES[name].build(theirs, backend="loop"), theirs, 25)
    scale = max(p.abs().max().item() for p in theirs)
    for x, y in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-6, atol=1e-6 * scale)


def state_of(optimizer: Any) -> list[torch.Tensor]:
    return [x for s in optimizer.state.values() for x in s.values() if isinstance(x, torch.Tensor)]
