"""The overrides of each run of a sweep, from the overrides of the command line.

optim=sgd,adam seed=0,1,2        every combination
sweep=lr_per_optimizer           a file of grids, for optimizers with different hyper-parameters
experiment=NAME sweep=paper      the grids of an experiment's paper
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results.values import quote
from runner.config.compose import CONFIGS
from runner.config.errors import ConfigError
from runner.sweep.grid_files import Grid, experiments_with_grids, grid_files, is_paper, paper_files, read_grids

MAX_RUNS = 100_000  # of a sweep


def expand_grid(overrides: list[str], parser: Any, grid_name: str | None = None) -> list[list[str]]:
    """The overrides of every run, in order: the grids of the file, then the given overrides from left to right.

    A key of the given overrides replaces the file's; optim=... selects the grids of these optimizers.
    """
    given = dict(override_values(override) for override in parser.parse_overrides(overrides))
    if not grid_name:
        return combinations(given)
    optimizers = given.pop("optim", None)
    given_keys = {key.lstrip("+") for key in given}
    runs, files = [], []
    for file, experiment in chosen_files(grid_name, given.get("experiment", [])):
        files.append(file)
        for grid in read_grids(file):
            axes = {key: values for key, values in grid.items() if key.lstrip("+~") not in given_keys}
            if optimizers is not None:
                axes["optim"] = [choice for choice in axes.get("optim", optimizers) if choice in optimizers]
            runs += combinations({**axes, **given, **experiment})
    if missing := sorted(set(optimizers or ()) - {override for run in runs for override in run}):
        named = ", ".join(file.relative_to(CONFIGS.parent).as_posix() for file in files)
        raise ConfigError(
            f"{', '.join(missing)}: sweep={grid_name} has no grid of it; add one to {named}, or "
            "to a file of your own in configs/sweep"
        )
    return runs


def chosen_files(grid_name: str, experiments: Sequence[str]) -> list[tuple[Path, Grid]]:
    """The files of sweep=grid_name, each with the choice of the experiment that it belongs to, if of one.

    experiments: the overrides that choose them.
    """
    if not is_paper(grid_name):
        return [(file, {}) for file in grid_files(grid_name)]
    if not experiments:
        known = ", ".join(experiments_with_grids())
        raise ConfigError(f"sweep={grid_name} takes the grids of an experiment: add experiment= one of {known}")
    return [
        (file, {"experiment": [choice]})
        for choice in experiments
        for file in paper_files(grid_name, choice.removeprefix("experiment="))
    ]


def paper_experiments(overrides: list[str], parser: Any, grid_name: str | None) -> list[str]:
    """The experiments whose papers' grids a sweep runs."""
    if not grid_name or not is_paper(grid_name):
        return []
    given = dict(override_values(override) for override in parser.parse_overrides(overrides))
    return [choice.removeprefix("experiment=") for choice in given["experiment"]]


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
