"""Files of grids: configs/sweep/<name>.yaml, and those of a paper's experiment.

sweep=momentum                                 configs/sweep/momentum.yaml
experiment=momo/mnist_mlp sweep=paper          configs/sweep/paper/momo/mnist_mlp.yaml, or all files of such a folder
experiment=momo/mnist_mlp sweep=paper/NAME     configs/sweep/paper/momo/mnist_mlp/NAME.yaml
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results.typed import load_yaml
from results.values import format_value
from runner.cli.help import summaries
from runner.cli.overrides import is_group_choice
from runner.config.compose import CONFIGS, quote_folder
from runner.config.errors import ConfigError
from runner.config.suggestions import list_choices

FOLDER = CONFIGS / "sweep"
PAPER = "paper"

#: from an override's key to an override for each of its values
Grid = dict[str, list[str]]


def is_paper(name: str) -> bool:
    """Whether sweep=name takes the grids of an experiment."""
    return name == PAPER or name.startswith(f"{PAPER}/")


def grid_files(name: str) -> list[Path]:
    """The file that sweep=name means, where it is not an experiment's; ConfigError if there is none."""
    known = dict(summaries(CONFIGS, "sweep"))
    if name not in known:
        raise ConfigError(f"sweep={name} is unknown; {list_choices(name, [*known, PAPER])}")
    return [FOLDER / f"{name}.yaml"]


def paper_files(name: str, experiment: str) -> list[Path]:
    """The files of sweep=paper, or of sweep=paper/NAME, for an experiment; ConfigError if there are none."""
    whole, named = FOLDER / PAPER / f"{experiment}.yaml", named_files(experiment)
    if name == PAPER:
        files = [whole] if whole.is_file() else list(named.values())
        if not files:
            known = ", ".join(experiments_with_grids())
            raise ConfigError(f"sweep={PAPER}: there is no grid of experiment={experiment}; there are those of {known}")
        return files
    wanted = name.removeprefix(f"{PAPER}/")
    if wanted not in named:
        known = [f"{PAPER}/{each}" for each in named]
        choices = list_choices(name, [*known, PAPER] if known or whole.is_file() else [])
        raise ConfigError(f"sweep={name} is unknown to experiment={experiment}; {choices or 'there are none'}")
    return [named[wanted]]


def named_files(experiment: str) -> dict[str, Path]:
    """The grids of single figures and tables of an experiment."""
    return {file.stem: file for file in sorted((FOLDER / PAPER / experiment).glob("*.yaml"))}


def experiments_with_grids() -> list[str]:
    return [name for name, _ in summaries(CONFIGS, "experiment") if has_grid(name)]


def has_grid(experiment: str) -> bool:
    return (FOLDER / PAPER / f"{experiment}.yaml").is_file() or bool(named_files(experiment))


def read_grids(file: Path) -> list[Grid]:
    """The grids of a file."""
    name = file.relative_to(CONFIGS.parent).as_posix()
    try:
        content = load_yaml(file, name)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(content, list) or not all(isinstance(grid, dict) for grid in content):
        raise ConfigError(f"{name} is not a list of tables from keys to values")
    return [dict(grid_axis(key, values) for key, values in grid.items()) for grid in content]


def grid_axis(key: str, values: Any) -> tuple[str, list[str]]:
    """An entry of a grid, whose values are one or a list, with an override for each value.

    `~key:` without a value deletes a key that the experiment sets.
    """
    if key.startswith("~") and values is None:
        return key, [key]
    key = key if is_group_choice(key, "=") else f"++{key}"
    values = values if isinstance(values, list) else [values]
    return key, [quote_folder(f"{key}={format_value(value)}") for value in values]
