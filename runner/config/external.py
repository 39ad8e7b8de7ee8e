"""What is chosen by name and is not this project's: classes of installed packages, and of one's own files in plugins/.

    optim=torch/Adafactor      a class of a package (runner/config/packages.py lists them)
    optim=mine, model=mine     plugins/mine.py has one; optim=mine.Second if it has several

Configuration classes are made of signatures, so that keys, types and defaults are checked like any others.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from data.dataset import DataSet
from data.from_function import FunctionData
from models.from_callable import OF_DATA, CallableModel
from models.model import OUTPUT_DESCRIPTIONS, Model
from optim.config import OptimizerConfig
from optim.external.config import ExternalConfig
from optim.search_range import SearchRange
from optim.transform import Wrapper
from results.typed import as_mapping, load_yaml
from runner.config.arguments import arguments_of, fields_of
from runner.config.errors import ConfigError
from runner.config.packages import PACKAGES, find_optimizer, is_optimizer
from runner.config.plugins import FOLDER, PACKAGE, find_in_plugin, is_plugin, plugin_source
from runner.config.source_code import imports_of
from tasks.from_class import check_task, checked_methods
from tasks.task import Task

CONTRACTS = {"optim": OptimizerConfig, "wrap": Wrapper, "model": Model, "data": DataSet, "task": Task}
TO_DEFINE = {  # what a class derived from a contract adds to it
    "optim": ("transforms",),
    "wrap": ("place",),
    "model": ("build",),
    "data": ("shape", "classes", "read"),
    "task": ("metric", "better", "loss", "metric_sum"),
}
FUNCTIONS = {"model": "Module", "data": "tuple"}  # groups that take a function, and what its hint of the result holds

NODE_KEYS = ("name", "objective", "defaults", "lr_schedule")  # what configurations have beside the arguments
SHARED = {"lr", "root"}  # fields of the base classes that are arguments too


def is_external(group: str, name: str) -> bool:
    """Whether a choice of a group is a package's class or a plugin. Imports neither."""
    if group == "optim" and ("/" in name or name in PACKAGES):
        return True
    return group in CONTRACTS and is_plugin(name)


@cache
def config_class(group: str, name: str) -> type:
    """The configuration class of an external choice. Raises ConfigError with what is wrong and what to do."""
    try:
        return class_of_plugin(group, name) if is_plugin(name) else class_of_package(name)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{group}={name}: {error}") from None


def class_of_package(name: str) -> type:
    found = find_optimizer(name)
    return optimizer_config(found.name, found.optimizer_class, {"source": found.source}, found.arguments)


def class_of_plugin(group: str, name: str) -> type:
    found = find_in_plugin(name, group, lambda value: is_choice(value, group), group in FUNCTIONS)
    content = {"source": plugin_source(name.partition(".")[0], contract_modules())}
    if is_contract(found, group):
        return subclass(group, name, found, content)
    if group == "optim":
        return optimizer_config(name, found, content)
    fields = fields_of(found, without=OF_DATA if group == "model" else ())
    if group == "model":
        content |= {"output": output_of(found)}
    base = CallableModel if group == "model" else FunctionData
    return make_class(group, name, base, fields, {**content, "target": staticmethod(found), "arguments": arguments_of})


def contract_modules() -> set[str]:
    """The modules of the contracts, and those that these import."""
    modules = {contract.__module__ for contract in CONTRACTS.values()}
    return modules.union(*map(imports_of, modules))


def output_of(network: Any) -> str:
    """What a class or function says that its networks return."""
    output = getattr(network, "output", "scores")
    if output not in OUTPUT_DESCRIPTIONS:
        raise ValueError(f"its output={output!r} is none of {', '.join(OUTPUT_DESCRIPTIONS)}")
    return output


def is_choice(value: Any, group: str) -> bool:
    """Whether it is one of a group's: a configuration class, an optimizer or network class, or a function whose hint
    says that it returns a network or data."""
    if inspect.isabstract(value):
        return False
    if is_contract(value, group) or (group == "optim" and is_optimizer(value)):
        return True
    if group == "model" and isinstance(value, type):
        from torch import nn

        return issubclass(value, nn.Module)
    return group in FUNCTIONS and inspect.isfunction(value) and FUNCTIONS[group] in hint_of_result(value)


def hint_of_result(function: Any) -> str:
    hint = function.__annotations__.get("return", "")
    return hint if isinstance(hint, str) else f"{hint} {getattr(hint, '__name__', '')}"


def is_contract(value: Any, group: str) -> bool:
    """Whether it is a configuration class as this project's own files have them."""
    return isinstance(value, type) and issubclass(value, CONTRACTS[group]) and value is not CONTRACTS[group]


def subclass(group: str, name: str, found: Any, content: dict[str, Any]) -> type:
    """A configuration class of the user's under its plugin's name, as a dataclass if it is not declared as one."""
    contract = CONTRACTS[group]
    missing = [key for key in TO_DEFINE[group] if getattr(found, key, None) is getattr(contract, key, None)]
    if missing:
        raise ValueError(f"its class {found.__name__} lacks {' and '.join(missing)}; docs/extending.md has an example")
    if group == "task":
        check_task(found)
        content = {**content, **checked_methods(found)}
        if found.check is Task.check:
            content["check"] = lambda self, data, model: None
    if "__dataclass_fields__" not in vars(found):
        found = dataclasses.dataclass(frozen=True, kw_only=True)(found)
    return make_class(group, name, found, [], content, found.__name__)


def optimizer_config(
    name: str, optimizer_class: type, content: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> type[ExternalConfig]:
    """A configuration class with a field for each argument of an optimizer's constructor but the parameters.

    given: arguments whose defaults are others than the constructor's.
    """
    check_signatures(optimizer_class)
    signature = inspect.signature(optimizer_class).parameters
    first = next(iter(signature), "")
    fields = fields_of(optimizer_class, without=(first,), given=given or {})
    if not any(key == "lr" and kind not in (str, bool) for key, kind, _ in fields):
        open_end = any(each.kind is each.VAR_KEYWORD for each in signature.values())
        hint = " (**arguments give no keys)" if open_end else ""
        raise ValueError(
            f"{optimizer_class.__name__} has no argument lr with a number, which schedules and sweeps set{hint}"
        )
    more = {"optimizer_class": optimizer_class, "arguments": arguments_of, **own_search_space(optimizer_class)}
    return make_class("optim", name, ExternalConfig, fields, {**content, **more}, optimizer_class.__name__)


def own_search_space(optimizer_class: Any) -> dict[str, Any]:
    """The class's attribute search_space, if it has one. Raises ValueError if it holds something else than ranges."""
    found = getattr(optimizer_class, "search_space", None)
    if found is None or callable(found):
        return {}
    if isinstance(found, Mapping) and all(isinstance(range_, SearchRange) for range_ in found.values()):
        return {"search_space": found}
    raise ValueError(
        f"{optimizer_class.__name__}.search_space is no mapping of arguments to ranges (optim/search_range.py)"
    )


def check_signatures(optimizer_class: Any) -> None:
    """Raise ValueError for a class that training can't make or step."""
    from torch.optim import Optimizer

    arguments = [*inspect.signature(optimizer_class).parameters]
    if arguments[:1] == ["optimizer"] or "base_optimizer" in arguments:
        raise ValueError(f"{optimizer_class.__name__} goes around another optimizer, which no configuration can give")
    if optimizer_class.step is Optimizer.step:
        raise ValueError(f"{optimizer_class.__name__} has no method step")
    if unknown := required_of_step(optimizer_class) - {"closure", "loss"}:
        raise ValueError(f"its step requires {', '.join(sorted(unknown))}; training gives a closure and the loss only")


def required_of_step(optimizer_class: Any) -> set[str]:
    """The arguments without a default of an optimizer's step."""
    _, *arguments = inspect.signature(optimizer_class.step).parameters.values()
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {each.name for each in arguments if each.default is each.empty and each.kind not in open_ended}


def make_class(
    group: str,
    name: str,
    base: type,
    fields: Sequence[tuple[str, Any, Any]],
    content: Mapping[str, Any],
    class_name: str = "",
) -> Any:
    def reduce(self: Any) -> tuple[Any, ...]:  # the class is made at run time: another process makes it anew
        return make_entry, (group, name, {each.name: getattr(self, each.name) for each in dataclasses.fields(self)})

    taken = {*names_of(base), *content, *NODE_KEYS} - SHARED
    if clashing := [name for name, *_ in fields if name in taken]:
        raise ValueError(f"its argument {clashing[0]} has a name that means something else in {group}; rename it")
    key = "objective" if group == "task" else "name"
    namespace = {**content, key: name, "__module__": __name__, "__reduce__": reduce}
    return dataclasses.make_dataclass(
        class_name or f"{group}_config", fields, bases=(base,), frozen=True, kw_only=True, namespace=namespace
    )


def names_of(base: type) -> set[str]:
    """The attributes, methods and fields of a class."""
    return {*dir(base), *(name for each in base.__mro__ for name in vars(each).get("__annotations__", {}))}


def make_entry(group: str, name: str, values: dict[str, Any]) -> Any:
    """The entry of a pickle. Raises ConfigError if its plugin is gone."""
    if not is_external(group, name):
        raise ConfigError(f"{group}={name}: there is no {PACKAGE}/{name.partition('.')[0]}.py")
    return config_class(group, name)(**values)


def default_node(group: str, name: str) -> dict[str, Any]:
    """The keys of an external choice with their defaults, as a file of configs/<group> has them.

    The defaults are those of the signature, and over them those of plugins/<name>.yaml.
    """
    kind: Any = config_class(group, name)
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    given = {key: value for key, value in defaults.items() if value is not dataclasses.MISSING}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    if group == "task":
        return {**plain, "name": name, **own_defaults(group, name), "objective": name}
    return {**plain, **own_defaults(group, name), "name": kind.name}


def own_defaults(group: str, name: str) -> Mapping[str, Any]:
    """The keys below `group:` of the YAML file beside a plugin, if there is one."""
    file = FOLDER / f"{name}.yaml"
    if "/" in name or not file.is_file():
        return {}
    called = f"{PACKAGE}/{file.name}"
    try:
        content = as_mapping(load_yaml(file, called) or {}, called)
        if unknown := [key for key in content if key not in CONTRACTS]:
            raise ValueError(f"{called}: {unknown[0]} is not a group; the groups are {', '.join(CONTRACTS)}")
        return as_mapping(content.get(group) or {}, f"{called}: {group}")
    except ValueError as error:
        raise ConfigError(str(error)) from None
