"""The search space of what optim= names, and the overrides of its trials.

space_of("adam")             {"optim.lr": 1e-05 to 0.1, log; "optim.betas[0]": ...}
trial_overrides("adam", 0)   ["optim.lr=0.001", "optim.betas=[0.9,0.999]"]: the first trial is the default setting
trial_overrides("adam", 1)   ["optim.lr=0.0001", "optim.betas=[0.942,0.999]"]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from optim.config import OptimizerConfig
from optim.search_range import SearchRange
from optim.search_space import arguments_of, default_arguments, search_space, trial, value_of
from results.values import format_value
from runner.config.errors import ConfigError
from runner.config.external import default_node, is_external
from runner.config.validate import class_of


def space_of(name: str) -> dict[str, SearchRange]:
    """The ranges by dotted keys. Raises ConfigError for an unknown name and for a space that its class does not fit."""
    return {f"optim.{key}": range_ for key, range_ in declared(name)[1].items()}


def trial_overrides(name: str, k: int) -> list[str]:
    """The overrides of trial k >= 0, the same for everyone who asks: what is searched, and lr where it is not.

    The defaults are overrides, too, as a task may have a learning rate of its own.
    """
    (kind, defaults), space = declared(name)
    given = {**default_arguments(kind), **defaults}
    numbers = {key: value for key in space if (value := value_of(given, key)) is not None} | trial(kind, k, defaults)
    arguments = arguments_of(kind, numbers, defaults)
    if (lr := value_of(given, "lr")) is not None:
        arguments = {"lr": lr, **arguments}
    return [f"optim.{key}={format_value(value)}" for key, value in arguments.items()]


def declared(name: str) -> tuple[tuple[type[OptimizerConfig], Mapping[str, Any]], dict[str, SearchRange]]:
    """The configuration class, the defaults that a plugin's YAML file gives, and the space."""
    kind = cast(type[OptimizerConfig], class_of("optim", {"name": name}))
    defaults = default_node("optim", name) if is_external("optim", name) else {}
    try:
        return (kind, defaults), search_space(kind, defaults)
    except ValueError as error:
        raise ConfigError(f"optim={name}: {error}") from None
