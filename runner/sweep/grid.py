"""The overrides of each run of a sweep, from the overrides of the command line.

optim=sgd,adam seed=0,1,2        every combination
sweep=lr_per_optimizer           a file of grids, for optimizers with different hyper-parameters
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from results.typed import load_yaml
from results.values import format_value, quote
from runner.cli.help import summaries
from runner.cli.overrides import is_group_choice
from runner.config.compose import CONFIGS, quote_folder
from runner.config.errors import ConfigError
from runner.config.suggestions import list_choices

MAX_RUNS = 100_000  # of a sweep


def expand_grid(overrides: list[str], parser: Any, grid_file: str | None = None) -> list[list[str]]:
    """The overrides of every run, in order: the grids of the file, then the given overrides from left to right.

    A key of the given overrides replaces the file's; optim=... selects the grids of these optimizers.
    """
    given = dict(override_values(override) for override in parser.parse_overrides(overrides))
    if not grid_file:
        return combinations(given)
    optimizers = given.pop("optim", None)
    given_keys = {key.lstrip("+") for key in given}
    runs = []
    for grid in read_grids(grid_file):
        axes = {key: values for key, values in grid.items() if key.lstrip("+") not in given_keys}
        if optimizers is not None:
            axes["optim"] = [choice for choice in axes.get("optim", optimizers) if choice in optimizers]
        runs += combinations({**axes, **given})
    if missing := sorted(set(optimizers or ()) - {override for run in runs for override in run}):
        raise ConfigError(
            f"{', '.join(missing)}: sweep={grid_file} has no grid of it; add one to configs/sweep/{grid_file}.yaml, or "
            "to a file of your own there"
        )
    return runs


def override_values(override: Any) -> tuple[str, list[str]]:
    """The key of one of Hydra's parsed overrides, and an override for each of its values."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return key, [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{override.input_line}: only lists and ranges can be swept; hydra/sweeper=optuna takes intervals"
        )
    values = list(itertools.islice(override.sweep_string_iterator(), MAX_RUNS + 1))
    if len(values) > MAX_RUNS:
        raise ConfigError(f"{quote(override.input_line.lstrip('+'))} has more than {MAX_RUNS:,} values")
    return key, [f"{key}={value}" for value in values]


def combinations(axes: Mapping[str, list[str]]) -> list[list[str]]:
    """Every combination of one value of each key; ConfigError where they are too many to plan."""
    if (count := math.prod(map(len, axes.values()))) > MAX_RUNS:
        raise ConfigError(f"a sweep of {count:,} runs; at most {MAX_RUNS:,} can be planned")
    return [list(run) for run in itertools.product(*axes.values())]


def read_grids(name: str) -> list[dict[str, list[str]]]:
    """The grids of configs/sweep/<name>.yaml, each from an override's key to an override for each of its values."""
    known = dict(summaries(CONFIGS, "sweep"))
    if name not in known:
        raise ConfigError(f"sweep={name} is unknown; {list_choices(name, known)}")
    try:
        content = load_yaml(CONFIGS / "sweep" / f"{name}.yaml", f"configs/sweep/{name}.yaml")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(content, list) or not all(isinstance(grid, dict) for grid in content):
        raise ConfigError(f"configs/sweep/{name}.yaml is not a list of tables from keys to values")
    return [dict(grid_axis(key, values) for key, values in grid.items()) for grid in content]


def grid_axis(key: str, values: Any) -> tuple[str, list[str]]:
    """An entry of a grid, whose values are one or a list, with an override for each value."""
    key = key if is_group_choice(key, "=") else f"++{key}"
    values = values if isinstance(values, list) else [values]
    return key, [quote_folder(f"{key}={format_value(value)}") for value in values]
