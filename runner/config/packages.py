"""The packages whose optimizers can be chosen by name: optim=torch/Adafactor, optim=schedulefree/AdamWScheduleFree.

Only these are looked into, and only for subclasses of torch.optim.Optimizer: no configuration names code to run.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from results.values import first_line


@dataclass(frozen=True)
class Package:
    """module: where the classes are. distribution: what `pip install` and importlib.metadata call it. examples: classes
    that `--help` names. has_registry: the module has `list_optimizers` and `get_optimizer_info`, whose names stand for
    a class with other defaults.
    """

    module: str
    distribution: str
    examples: str
    has_registry: bool = False


PACKAGES = {
    "torch": Package("torch.optim", "torch", "Adafactor LBFGS Muon NAdam"),
    "pytorch_optimizer": Package("pytorch_optimizer", "pytorch-optimizer", "ADOPT Adan Lion Prodigy SOAP and 130 more"),
    "timm": Package("timm.optim", "timm", "adopt cadamw kron nadamw and 100 more", has_registry=True),
    "schedulefree": Package("schedulefree", "schedulefree", "AdamWScheduleFree RAdamScheduleFree SGDScheduleFree"),
    "heavyball": Package("heavyball", "heavyball", "PSGDKron SOAP and 40 more"),
    "prodigyopt": Package("prodigyopt", "prodigyopt", "Prodigy"),
    "torch_optimizer": Package("torch_optimizer", "torch_optimizer", "AggMo DiffGrad Yogi and 25 more"),
}


@dataclass(frozen=True)
class PackageOptimizer:
    """name: `package/name`. arguments: the constructor's that the name stands for."""

    name: str
    optimizer_class: type
    version: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> dict[str, str]:
        return {PACKAGES[self.name.partition("/")[0]].distribution: self.version}


@cache
def installed_version(name: str) -> str | None:
    """The version of a package of PACKAGES, without importing it; None if it is not installed."""
    try:
        return importlib.metadata.version(PACKAGES[name].distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def find_optimizer(name: str) -> PackageOptimizer:
    """The optimizer that `package/name` names; the case of its letters may differ where that is unique.

    Raises ValueError for a package that is unknown, not installed or does not import, and for an unknown optimizer.
    """
    package, _, wanted = name.partition("/")
    if package not in PACKAGES:
        near = difflib.get_close_matches(package, PACKAGES, 1)
        meant = f"did you mean {near[0]}/{wanted}? The" if near else "the"
        raise ValueError(f"{package} is none of the packages; {meant} packages are {', '.join(PACKAGES)}")
    version = installed_version(package)
    if version is None:
        raise ValueError(f"{package} is not installed: pip install {PACKAGES[package].distribution}")
    known = optimizers_of(package)
    same = [wanted] if wanted in known else [each for each in known if each.lower() == wanted.lower()]
    if len(same) != 1:
        near = difflib.get_close_matches(wanted, known, 1)
        meant = f"did you mean {package}/{near[0]}? It" if near else "it"
        problem = (
            f"{package} has no optimizer {wanted}; {meant} has" if wanted else f"choose {package}/NAME with one of"
        )
        raise ValueError(f"{problem} {', '.join(sorted(known))}")
    optimizer_class, arguments = known[same[0]]
    return PackageOptimizer(f"{package}/{same[0]}", optimizer_class, version, arguments)


@cache
def optimizers_of(package: str) -> dict[str, tuple[type, Mapping[str, Any]]]:
    """Every optimizer of a package by its name: its class, and the arguments that the name stands for.

    Raises ValueError if the package can't be imported.
    """
    try:
        module = importlib.import_module(PACKAGES[package].module)
    except Exception as error:  # of any kind: a version that does not go with this torch
        raise ValueError(f"{package} can't be imported ({first_line(error) or type(error).__name__})") from None
    if PACKAGES[package].has_registry:
        return registered_optimizers(module)
    found = {key: value for key, value in vars(module).items() if is_optimizer(value) and not key.startswith("_")}
    return {key: (value, {}) for key, value in found.items() if value.__module__.partition(".")[0] == package}


def registered_optimizers(module: ModuleType) -> dict[str, tuple[type, Mapping[str, Any]]]:
    found = {}
    for name in module.list_optimizers():
        with contextlib.suppress(Exception):  # one for which a further package is missing
            info = module.get_optimizer_info(name)
            if is_optimizer(info.opt_class):
                usual = {"momentum": 0.9} if info.has_momentum else {}  # as create_optimizer_v2 gives it
                found[name] = info.opt_class, {**usual, **(info.defaults or {})}
    return found


def is_optimizer(value: object) -> bool:
    from torch.optim import Optimizer

    return isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
