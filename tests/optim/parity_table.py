"""Writes docs/results/parity.md: how far every optimizer is from an independent one after 48 steps in float64.

    python tests/optim/parity_table.py

The cases are those of tests/optim/cases.py, which test_parity.py holds to 1e-12 on the same steps.
"""

from __future__ import annotations

import inspect
import platform
import sys
import warnings
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
import torch  # noqa: E402
from cases import CASES, Case  # noqa: E402
from problem import parameters, train  # noqa: E402

FILE = ROOT / "docs" / "results" / "parity.md"
HEAD = """# Parity of the optimizers with independent implementations

After 48 steps in float64 on a non-convex problem of tensors of several shapes, the learning rate halved every 15 steps:
the largest difference of any weight, relative to the larger of 1 and its size. *formula* is the paper's, written out in
`tests/optim` where no package is right or exact. `tests/optim/test_parity.py` holds every row to 1e-12.

    python tests/optim/parity_table.py

{versions}

| case | arguments that differ from the defaults | compared with | largest difference |
|---|---|---|---|
"""


def main() -> None:
    rows = [row(name, case) for name, case in CASES.items() if case.reference]
    made_with = f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()} CPU, float64."
    FILE.write_text(HEAD.format(versions=made_with) + "\n".join(rows) + "\n", encoding="utf-8")


def row(name: str, case: Case) -> str:
    assert case.reference
    ours, theirs = parameters(), parameters()
    reference = case.reference(theirs)
    for optimizer, params in ((case.build(ours), ours), (reference, theirs)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            train(optimizer, params, 48, scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 15, 0.5))
    worst = max(difference(x, y) for x, y in zip(ours, theirs, strict=True) if x.numel())
    return f"| `{name}` | {arguments(case)} | {described(reference)} | {worst:.0e} |"


def difference(x: torch.Tensor, y: torch.Tensor) -> float:
    x, y = x.detach(), y.detach()
    return ((x - y).abs() / y.abs().clamp(min=1)).max().item()


def arguments(case: Case) -> str:
    given = dict(changed(case.config))
    for wrapper in case.wrap:
        given |= {f"{wrapper.name}.{key}": value for key, value in changed(wrapper)} or {wrapper.name: "default"}
    return ", ".join(f"`{key}={value}`" for key, value in given.items()) or "none"


def changed(entry: Any) -> list[tuple[str, Any]]:
    kind = type(entry)
    defaults = kind() if "lr" not in required(kind) else None
    return [(key, value) for key, value in vars(entry).items() if getattr(defaults, key, None) != value]


def required(kind: Any) -> list[str]:
    return [n for n, p in inspect.signature(kind).parameters.items() if p.default is p.empty]


def described(reference: Any) -> str:
    """The class and its package's version, of the nearest base class that is from a package."""
    for kind in type(reference).__mro__:
        package = kind.__module__.partition(".")[0]
        if package == "torch" and kind is torch.optim.Optimizer:
            break
        if package in packages_distributions() and package not in ("cases", "references"):
            return f"{kind.__name__} of {package} {version(packages_distributions()[package][0])}"
    return "formula"


if __name__ == "__main__":
    main()
