"""The registry of checks, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from .candidate import Candidate, copies, tensors_of

Check = Callable[[Candidate], None]
CHECKS: dict[str, Check] = {}
COMPILE_CHECKS: dict[str, Check] = {}
EXTERNAL_CHECKS: dict[str, Check] = {}  # of classes from elsewhere, in addition
OWN_ONLY: dict[str, str] = {}  # names of checks that do not concern these, and why
HALF = torch.bfloat16


def check(name: str, registry: dict[str, Check] = CHECKS, own_only: str = "") -> Callable[[Check], Check]:
    """Register a function that raises AssertionError where the named property does not hold.

    own_only: why the check does not concern a class that is not made of this package's transforms.
    """

    def register(function: Check) -> Check:
        registry[name] = function
        if own_only:
            OWN_ONLY[name] = own_only
        return function

    return register


def equal(ours: Iterable[Tensor], theirs: Iterable[Tensor], what: str) -> None:
    for n, (x, y) in enumerate(zip(ours, theirs, strict=True)):
        if x.shape != y.shape or x.dtype != y.dtype or not torch.equal(x.nan_to_num(7.0), y.nan_to_num(7.0)):
            raise AssertionError(f"{what} (tensor {n} of shape {tuple(x.shape)})")


def differ(ours: Iterable[Tensor], theirs: Iterable[Tensor]) -> bool:
    return not all(map(torch.equal, ours, theirs))


def evaluated(candidate: Candidate, optimizer: Any, params: Sequence[Tensor]) -> list[Tensor]:
    """The weights and those to evaluate with."""
    with candidate.evaluation_weights(optimizer):
        shown = copies(params)
    return [*copies(params), *shown]


def goes_on(candidate: Candidate, optimizer: Any, params: list, twin: Any, others: list, start: int, what: str) -> None:
    a = candidate.train(optimizer, params, 12, start=start)
    equal(candidate.train(twin, others, 12, start=start), a, f"{what}: other weights")
    equal(tensors_of(twin), tensors_of(optimizer), f"{what}: other state")
