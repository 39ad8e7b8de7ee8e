"""The packages whose optimizers can be chosen by name: optim=torch/Adafactor, optim=schedulefree/AdamWScheduleFree.

Only these are looked into, and only for subclasses of torch.optim.Optimizer: no configuration names code to run.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from types import ModuleType


@dataclass(frozen=True)
class Package:
    """module: where the classes are. distribution: what `pip install` and importlib.metadata call it. registry: the
    module's functions that list more names and return the class of one.
    """

    module: str
    distribution: str
    registry: tuple[str, str] | None = None


PACKAGES = {
    "torch": Package("torch.optim", "torch"),
    "pytorch_optimizer": Package("pytorch_optimizer", "pytorch-optimizer"),
    "timm": Package("timm.optim", "timm", ("list_optimizers", "get_optimizer_class")),
    "schedulefree": Package("schedulefree", "schedulefree"),
    "heavyball": Package("heavyball", "heavyball"),
    "prodigyopt": Package("prodigyopt", "prodigyopt"),
    "torch_optimizer": Package("torch_optimizer", "torch_optimizer"),
}


def is_installed(name: str) -> bool:
    return importlib.util.find_spec(PACKAGES[name].module.partition(".")[0]) is not None


def find_class(name: str) -> type:
    """The class that `package/Class` names, its letters' case ignored where that is unique.

    Raises ValueError for a package that is unknown, not installed or does not import, and for an unknown class.
    """
    package, _, wanted = name.partition("/")
    if package not in PACKAGES:
        raise ValueError(f"{package} is not one of the packages {', '.join(PACKAGES)}")
    if not is_installed(package):
        raise ValueError(f"{package} is not installed: pip install {PACKAGES[package].distribution}")
    known = classes(package)
    found = [known[wanted]] if wanted in known else [known[each] for each in known if each.lower() == wanted.lower()]
    if len(found) == 1:
        return found[0]
    near = difflib.get_close_matches(wanted, known, 1)
    meant = f"did you mean {package}/{near[0]}? " if near else ""
    raise ValueError(f"{package} has no optimizer {wanted}; {meant}It has {', '.join(sorted(known))}")


@cache
def classes(package: str) -> dict[str, type]:
    """Every optimizer class of a package, by its name. Raises ValueError if the package can't be imported."""
    try:
        module = importlib.import_module(PACKAGES[package].module)
    except Exception as error:  # of any kind: a version that does not go with this torch
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{package} can't be imported ({reason})") from None
    found = optimizer_classes(module)
    if registry := PACKAGES[package].registry:
        names, class_of = (getattr(module, function) for function in registry)
        for name in names():
            with contextlib.suppress(Exception):  # one that this machine lacks the hardware or a package for
                found.setdefault(name, class_of(name, bind_defaults=False))
    return found


def optimizer_classes(module: ModuleType) -> dict[str, type]:
    """The subclasses of torch.optim.Optimizer that a module has, public ones only."""
    return {name: value for name, value in vars(module).items() if is_optimizer(value) and not name.startswith("_")}


def is_optimizer(value: object) -> bool:
    from torch.optim import Optimizer

    return isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
