"""Optimizers that are chosen by name from installed packages: optim=torch/Adafactor."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from functools import cache
from typing import Any

from optim.external.config import ExternalConfig, make_config
from optim.external.packages import PACKAGES, find_class


def is_external(name: str) -> bool:
    return "/" in name and name.partition("/")[0] in PACKAGES


@cache
def config_class(name: str) -> type[ExternalConfig]:
    """The configuration class of an external optimizer. Raises ValueError with what is wrong and what to do."""
    package = name.partition("/")[0]
    found = find_class(name)
    version = importlib.metadata.version(PACKAGES[package].distribution)
    return make_config(f"{package}/{found.__name__}", found, (PACKAGES[package].distribution, version))


def default_node(name: str) -> dict[str, Any]:
    """The keys of an external optimizer with their defaults, as a file of configs/optim has them."""
    kind = config_class(name)
    fields = [field for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING]
    return {"name": kind.name, **{f.name: list(f.default) if isinstance(f.default, tuple) else f.default for f in fields}}
