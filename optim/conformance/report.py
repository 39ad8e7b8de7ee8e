"""The conformance report: what users of torch.optim rely on, checked on any optimizer of this package, and on others'.

    results = conformance_report(candidate_of(MyConfig(lr=0.1), wrap=[LookaheadWrapper()]))
    print(formatted(results))                [CheckResult("resume ...", "pass", ""), ...] as a table
    all(result.outcome != "FAIL" for result in results)

Every check trains float64 tensors of 0 to 4 dimensions with bounded, never vanishing gradients; "equal" and
"go on" mean to the last bit. The checks are in the files `check_*.py`, one function each.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from . import check_external, check_gradients, check_groups, check_state, check_training  # noqa: F401, I001  each adds its checks
from .candidate import Candidate, NotApplicable, set_gradients, tensors_of
from .checks import CHECKS, COMPILE_CHECKS, EXTERNAL_CHECKS, OWN_ONLY


@dataclass(frozen=True)
class CheckResult:
    name: str
    outcome: str  # pass, FAIL or n/a
    reason: str


def conformance_report(candidate: Candidate, compiled: bool = False) -> list[CheckResult]:
    """Run every check, those of the compile backend only where asked for: they take seconds to minutes."""
    names = [*CHECKS, *(() if candidate.is_own else EXTERNAL_CHECKS), *(COMPILE_CHECKS if compiled else ())]
    return [run_check(name, candidate) for name in names]


def run_check(name: str, candidate: Candidate) -> CheckResult:
    """Run the check of this name, a key of CHECKS, EXTERNAL_CHECKS or COMPILE_CHECKS."""
    check = {**CHECKS, **EXTERNAL_CHECKS, **COMPILE_CHECKS}[name]
    if name in OWN_ONLY and not candidate.is_own:
        return CheckResult(name, "n/a", OWN_ONLY[name])
    try:
        with candidate.checking():
            check(candidate)
    except NotApplicable as reason:
        return CheckResult(name, "n/a", str(reason))
    except Exception as error:  # a user's own transform may raise anything
        first_line = (str(error).strip().splitlines() or [""])[0]
        reason = first_line if isinstance(error, AssertionError) else f"{type(error).__name__}: {first_line}"
        return CheckResult(name, "FAIL", re.sub(r"(?<!shape) \(\)", "", reason).replace("(, ", "("))  # without backends
    return CheckResult(name, "pass", "")


def formatted(results: Iterable[CheckResult]) -> str:
    """A line for each check, and a last one that counts the outcomes."""
    results = list(results)
    width = max(len(result.name) for result in results)
    lines = [f"{result.name:{width}}  {result.outcome:4}  {result.reason}".rstrip() for result in results]
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("pass", "FAIL", "n/a")}
    return "\n".join([*lines, ", ".join(f"{n} {outcome}" for outcome, n in counts.items())])


def resnet20() -> list[tuple[int, ...]]:
    """The 59 parameter tensors of the CIFAR ResNet-20 with option A shortcuts (0.27 million numbers)."""
    shapes: list[tuple[int, ...]] = [(16, 3, 3, 3), (16,), (16,)]
    for width, before in ((16, 16), (32, 16), (64, 32)):
        for n in range(6):
            shapes += [(width, before if n == 0 else width, 3, 3), (width,), (width,)]
    return [*shapes, (10, 64), (10,)]


def step_cost(
    candidate: Candidate, shapes: Iterable[tuple[int, ...]] | None = None, rounds: int = 31
) -> dict[str, float]:
    """The step's time beside torch.optim.Adam's on the same float32 tensors, in turns, and the state's size.

    Returns milliseconds per step (medians): "ms", "adam_ms"; "tensors": their number; and "state_bytes" per parameter
    element.
    """
    shapes = list(candidate.shapes_like(resnet20()) if shapes is None else shapes)
    ours, theirs = (candidate.parameters(torch.float32, shapes) for _ in range(2))
    optimizer, adam = candidate.build(ours), torch.optim.Adam(theirs)
    set_gradients(theirs, 0)
    loss = set_gradients(ours, 0)
    times: dict[str, list[float]] = {"ms": [], "adam_ms": []}
    turns: dict[str, Callable[[], Any]] = {"ms": lambda: candidate.step(optimizer, loss), "adam_ms": adam.step}
    for n in range(rounds + 3):  # three to warm up
        for key, step in turns.items():
            start = time.perf_counter()
            step()
            times[key] += [1000 * (time.perf_counter() - start)] if n >= 3 else []
    size = sum(x.numel() * x.element_size() for x in tensors_of(optimizer))
    return {
        **{key: median(x) for key, x in times.items()},
        "tensors": len(ours),
        "state_bytes": size / sum(p.numel() for p in ours),
    }
