"""Whether an optimizer from elsewhere goes on from its state_dict bit for bit: a trial on two small tensors."""

from __future__ import annotations

import contextlib
import io
import pickle
import re
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .config import ExternalConfig
from .optimizer import ExternalOptimizer, one_line

SHAPES = ((8, 4), (4,))
STEPS = 12  # before and after: some methods do something every tenth step only
ENOUGH_S, MAX_S = 0.1, 1.0


@dataclass(frozen=True)
class ResumeCheck:
    """At most one of the reasons is not empty.

    name: of the optimizer. lost: why a run can't resume. inexact: how the resumed one differs. unknown: why that could
    not be found out.
    """

    name: str
    lost: str = ""
    inexact: str = ""
    unknown: str = ""

    def line(self) -> str:
        """A line for the user, or nothing where all is well."""
        if self.lost:
            return f"A run with optim={self.name} can't resume once it is interrupted: {self.lost}."
        if self.inexact:
            return f"optim={self.name} does not resume bit-exactly: {self.inexact}."
        return (
            f"Whether optim={self.name} resumes bit-exactly was not checked: {self.unknown.rstrip('.')}."
            if self.unknown
            else ""
        )


_CHECKED: dict[tuple[type, str], ResumeCheck] = {}


def check_resume(config: ExternalConfig) -> ResumeCheck:
    """The trial's result; it takes a fraction of a second, once a process for each configuration."""
    key = type(config), repr(config)
    if key not in _CHECKED:
        _CHECKED[key] = try_resume(config)
    return _CHECKED[key]


def try_resume(config: ExternalConfig) -> ResumeCheck:
    start = time.perf_counter()
    with (
        torch.random.fork_rng([]),
        torch.compiler.set_stance("force_eager"),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),  # what its steps print would seem to be the run's
    ):
        warnings.simplefilter("ignore")
        try:
            optimizer, params = trial_optimizer(config)
            steps = take_steps(optimizer, params, start)
        except Exception as error:  # of any kind: the class's own; the run itself will report it
            return ResumeCheck(config.name, unknown=one_line(error))
        if time.perf_counter() - start > MAX_S:
            return ResumeCheck(config.name, unknown=f"{steps} steps took more than {MAX_S:g} s")
        try:
            resumed, copies = trial_optimizer(config, params)
            resumed.load_state_dict(through_a_file(optimizer.optimizer.state_dict()))
            return compare(optimizer, params, resumed, copies, steps)
        except NotLoadable as error:
            return ResumeCheck(config.name, lost=str(error))
        except Exception as error:
            return ResumeCheck(config.name, lost=one_line(error))


def take_steps(optimizer: ExternalOptimizer, params: list[Tensor], start: float) -> int:
    """Take STEPS steps, or fewer if they take long; returns how many."""
    for n in range(STEPS):
        take_step(optimizer, params, n)
        if n >= 2 and time.perf_counter() - start > ENOUGH_S:
            return n + 1
    return STEPS


def compare(
    optimizer: ExternalOptimizer, params: list[Tensor], resumed: ExternalOptimizer, copies: list[Tensor], steps: int
) -> ResumeCheck:
    """Take the same further steps with both."""
    for n in range(steps, 2 * steps):
        take_step(optimizer, params, n)
        take_step(resumed, copies, n)
        if not all(map(equal, params, copies)):
            return ResumeCheck(
                optimizer.config.name, inexact=f"in a trial its weights were others after {n + 1 - steps} further steps"
            )
    return ResumeCheck(optimizer.config.name)


def equal(a: Tensor, b: Tensor) -> bool:
    """Bit for bit, but any nan equals any other: a method that diverges in the trial still resumes."""
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def trial_optimizer(config: ExternalConfig, like: Sequence[Tensor] = ()) -> tuple[ExternalOptimizer, list[Tensor]]:
    """An optimizer of small parameters, with the values of `like`; of the matrix alone where a class takes no other."""
    starts = like or [torch.arange(1.0, 1 + torch.Size(shape).numel()).sin().view(shape) for shape in SHAPES]
    params: list[Tensor] = [torch.nn.Parameter(value.detach().clone()) for value in starts]
    try:
        return ExternalOptimizer(params, config), params
    except ValueError:
        if like:
            raise
        return ExternalOptimizer(params[:1], config), params[:1]


def take_step(optimizer: ExternalOptimizer, params: list[Tensor], n: int) -> None:
    """A step on a bounded function that changes with its number n."""
    torch.default_generator.manual_seed(n)  # of the CPU only: fork_rng keeps no other

    def loss_and_gradients() -> Tensor:
        with torch.enable_grad():
            loss = torch.stack([(torch.cos(p + n) + torch.log1p(p * p)).sum() for p in params]).sum()
            for p, gradient in zip(params, torch.autograd.grad(loss, params), strict=True):
                p.grad = gradient
        return loss.detach()

    optimizer.step(loss_and_gradients, loss=loss_and_gradients())


class NotLoadable(ValueError):
    """A state_dict holds an object that torch.load refuses with weights_only, as all checkpoints are loaded."""


def through_a_file(state_dict: dict[str, Any]) -> dict[str, Any]:
    """The state_dict as a checkpoint gives it back. Raises NotLoadable."""
    file = io.BytesIO()
    torch.save(state_dict, file)
    try:
        return torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        raise NotLoadable(f"its state holds {found[1] if found else 'an object'}, which no checkpoint can") from None
