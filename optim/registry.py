"""What can be chosen by name: every configuration in optim/rules and every wrapper in optim/wrappers."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from . import rules as _rules
from . import wrappers as _wrappers
from .config import OptimizerConfig
from .transform import Wrapper


def configs() -> dict[str, type[OptimizerConfig]]:
    """Every optimizer's configuration by its name: {"aggmo": AggMoConfig, ...}."""
    return dict(_found(_rules.__name__, OptimizerConfig))


def wrappers() -> dict[str, type[Wrapper]]:
    """Every wrapper by its name: {"lookahead": LookaheadWrapper, ...}."""
    return dict(_found(_wrappers.__name__, Wrapper))


@cache
def _found(package: str, base: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for info in iter_modules(import_module(package).__path__):
        module = import_module(f"{package}.{info.name}")
        for cls in vars(module).values():
            own = isinstance(cls, type) and issubclass(cls, base) and cls.__module__ == module.__name__
            if not own or not hasattr(cls, "name"):
                continue
            if cls.name in found:
                raise ValueError(f"{cls.name!r} names both {found[cls.name].__name__} and {cls.__name__}")
            found[cls.name] = cls
    return found
