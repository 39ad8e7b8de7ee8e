"""What is chosen by name and is not this project's: classes of installed packages, and of one's own files in plugins/.

    optim=torch/Adafactor      a class of a package (runner/config/packages.py lists them)
    optim=mine, model=mine     plugins/mine.py has one; optim=mine.Second if it has several

Configuration classes are made of signatures, so that keys, types and defaults are checked like any others.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from data.dataset import DataSet
from models.model import Model
from optim.config import OptimizerConfig
from optim.external.config import ExternalConfig
from runner.config.arguments import fields_of
from runner.config.errors import ConfigError
from runner.config.packages import PACKAGES, find_class, is_optimizer
from runner.config.plugins import find_in_plugin, is_plugin, plugin_source
from tasks.task import Task

CONTRACTS = {"optim": OptimizerConfig, "model": Model, "data": DataSet, "task": Task}


def is_external(group: str, name: str) -> bool:
    """Whether a choice of a group is a package's class or a plugin. Imports neither."""
    if group == "optim" and name.partition("/")[0] in PACKAGES:
        return "/" in name
    return group in CONTRACTS and is_plugin(name)


@cache
def config_class(group: str, name: str) -> type:
    """The configuration class of an external choice. Raises ConfigError with what is wrong and what to do."""
    try:
        if "/" in name:
            return class_of_package(name)
        return class_of_plugin(group, name)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{group}={name}: {error}") from None


def class_of_package(name: str) -> type:
    package = name.partition("/")[0]
    found, distribution = find_class(name), PACKAGES[package].distribution
    return optimizer_config(
        f"{package}/{found.__name__}", found, {distribution: importlib.metadata.version(distribution)}
    )


def class_of_plugin(group: str, name: str) -> type:
    found = find_in_plugin(name, group, lambda value: is_contract(value, group) or is_target(value, group))
    source = plugin_source(name.partition(".")[0])
    if is_contract(found, group):
        return type(found.__name__, (found,), {"name" if group != "task" else "objective": name, "source": source})
    return (optimizer_config if group == "optim" else model_config)(name, found, source)


def is_contract(value: Any, group: str) -> bool:
    """Whether it is a configuration class as this project's own files have them."""
    return isinstance(value, type) and issubclass(value, CONTRACTS[group]) and value is not CONTRACTS[group]


def is_target(value: Any, group: str) -> bool:
    """Whether a configuration class can be made for it: an optimizer class; a network's class, or a function with a
    result of torch.nn.Module."""
    if group == "optim":
        return is_optimizer(value)
    if group != "model":
        return False
    from torch import nn

    if isinstance(value, type):
        return issubclass(value, nn.Module)
    return inspect.isfunction(value) and "Module" in str(value.__annotations__.get("return", ""))


def optimizer_config(name: str, optimizer_class: type, source: Mapping[str, str]) -> type[ExternalConfig]:
    """A configuration class with a field for each argument of an optimizer's constructor but the parameters."""
    parameters = next(iter(inspect.signature(optimizer_class).parameters))
    fields = fields_of(optimizer_class, without=(parameters,))
    if "lr" not in [key for key, *_ in fields]:
        raise ValueError("its constructor has no argument lr, which schedules and sweeps set")
    content = {"name": name, "optimizer_class": optimizer_class, "source": source}
    return make_class("optim", ExternalConfig, fields, content)


def model_config(name: str, target: Any, source: Mapping[str, str]) -> type[Model]:
    """A model of a class or function; `shape` (channels, height, width) and `classes` are given to it if it asks."""
    own = inspect.signature(target).parameters
    fields = fields_of(target, without=("shape", "classes"))

    def build(self: Any, shape: tuple[int, ...], classes: int) -> Any:
        of_data = {key: value for key, value in (("shape", shape), ("classes", classes)) if key in own}
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given = {key: value for key, value in given.items() if value is not None or own[key].default is None}
        return initialised(target(**of_data, **given), shape)

    content = {"name": name, "source": source, "build": build, "output": getattr(target, "output", "scores")}
    return make_class("model", Model, fields, content)


def initialised(network: Any, shape: tuple[int, ...]) -> Any:
    """The network; lazy layers get their parameters by one sample of zeros."""
    import torch
    from torch.nn.parameter import is_lazy

    if any(map(is_lazy, [*network.parameters(), *network.buffers()])):
        with torch.no_grad():
            network.eval()(torch.zeros(1, *shape))
        network.train()
    return network


def make_class(group: str, base: type, fields: list[tuple[str, Any, Any]], content: dict[str, Any]) -> Any:
    def reduce(self: Any) -> tuple[Any, ...]:  # the class is made at run time: another process makes it anew
        return make_entry, (
            group,
            self.name,
            {field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
        )

    return dataclasses.make_dataclass(
        f"{group}_config",
        fields,
        bases=(base,),
        frozen=True,
        kw_only=True,
        namespace={**content, "__module__": __name__, "__reduce__": reduce},
    )


def make_entry(group: str, name: str, values: dict[str, Any]) -> Any:
    return config_class(group, name)(**values)


def default_node(group: str, name: str) -> dict[str, Any]:
    """The keys of an external choice with their defaults, as a file of configs/<group> has them."""
    kind: Any = config_class(group, name)
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    given = {key: value for key, value in defaults.items() if value is not dataclasses.MISSING}
    chosen = {"name": name, "objective": kind.objective} if group == "task" else {"name": kind.name}
    return {**given, **chosen} | {key: list(v) for key, v in given.items() if isinstance(v, tuple)}
