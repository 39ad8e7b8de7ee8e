"""From the words of a sweep to the overrides of each of its runs.

optim=sgd,adam seed=0,1,2        every combination
sweep=lr_per_optimizer           a file of grids, for optimizers that differ in their knobs
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from results.values import format_value
from runner.cli.help import summaries
from runner.cli.overrides import is_group_choice
from runner.config.compose import CONFIGS
from runner.config.errors import ConfigError
from runner.config.suggestions import list_choices


def expand(words: list[str], parser: Any, grid: str | None = None) -> list[list[str]]:
    """The overrides of every run, in order: the grids of the file `grid`, then the words' keys from left to right.

    A key among the words replaces the file's; optim=... picks those of its grids that are of these optimizers.
    """
    own = dict(axis(override) for override in parser.parse_overrides(words))
    if not grid:
        return [list(run) for run in itertools.product(*own.values())]
    wanted = own.pop("optim", None)
    bare = {key.lstrip("+") for key in own}
    runs = []
    for table in grids(grid):
        theirs = {key: [f"{key}={v}" for v in values] for key, values in table.items() if key.lstrip("+") not in bare}
        if wanted is not None:
            theirs["optim"] = [word for word in theirs.get("optim", wanted) if word in wanted]
        runs += [list(run) for run in itertools.product(*theirs.values(), *own.values())]
    if missing := sorted({word for word in wanted or ()} - {word for run in runs for word in run}):
        raise ConfigError(f"{', '.join(missing)}: sweep={grid} has no grid of it")
    return runs


def axis(override: Any) -> tuple[str, list[str]]:
    """A key and each of its values as an override of its own."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return key, [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{override.input_line}: only lists and ranges can be swept; hydra/sweeper=optuna takes intervals"
        )
    return key, [f"{key}={value}" for value in override.sweep_string_iterator()]


def grids(name: str) -> list[dict[str, list[str]]]:
    """The grids of configs/sweep/<name>.yaml: a list of tables, each from a key to its value or list of values."""
    import yaml

    known = dict(summaries(CONFIGS, "sweep"))
    if name not in known:
        raise ConfigError(f"sweep={name} is unknown; {list_choices(name, known)}")
    content = yaml.safe_load((CONFIGS / "sweep" / f"{name}.yaml").read_text(encoding="utf-8"))
    if not isinstance(content, list) or not all(isinstance(grid, dict) for grid in content):
        raise ConfigError(f"configs/sweep/{name}.yaml is not a list of tables from keys to values")
    return [
        {
            key if is_group_choice(key, "=") else f"++{key}": list(map(format_value, as_list(values)))
            for key, values in grid.items()
        }
        for grid in content
    ]


def as_list(values: Any) -> Iterable[Any]:
    return values if isinstance(values, list) else [values]
