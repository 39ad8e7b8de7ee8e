"""The command line's words as Hydra takes them."""

from __future__ import annotations

import os
import re

from results.typed import CONTROLS
from results.values import quote
from runner.cli.durations import parse_duration
from runner.cli.errors import unknown_choice
from runner.cli.group_choice import CHOICES, check_files, check_names, empty_choice
from runner.config.compose import quote_folder
from runner.config.errors import ConfigError
from runner.config.suggestions import GROUPS

GRID = "hydra.sweeper.grid="  # where Hydra's sweeper takes the name of a file of grids
LAUNCHER = "hydra/launcher="
SUITE = "hydra.sweeper.suite="
#: how a sweep stops bad settings early, and where Hydra's sweeper takes that
HALVING = {f"sweep.{key}": f"hydra.sweeper.{key}=" for key in ("halving", "min_epochs", "brackets")}
BUDGET = "--budget"  # the flag of a sweep, and where Hydra's sweeper takes its seconds
BUDGET_S = "hydra.sweeper.budget_s="
MAX_DEPTH = 10  # of brackets in each other
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|[+-]?inf|true|false", re.IGNORECASE)  # no choice's name
WITH_VALUE = {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"}

FLAGS = {*WITH_VALUE, "-m", "--multirun", "-r", "--run", "-h", "--help", "--hydra-help", "--version", "--resolve"}
FLAGS |= {"-i", "--info", "-sc", "--shell-completion"}


def hydra_arguments(argv: list[str]) -> list[str]:
    """Hydra's arguments: flags first, since it refuses them between overrides, and values forced in (`++`).

    Forced in, an unknown key reaches `validate`, whose message names the nearest key; Hydra's advises to add it.
    """
    flags, overrides = [], []
    words = iter(argv)
    for word in words:
        check_word(word)
        if word.partition("=")[0] == BUDGET:
            value = word.partition("=")[2] or next(words, "")
            if any(override.startswith(BUDGET_S) for override in overrides):
                raise ConfigError(f"{BUDGET} is given twice; give one time")
            overrides.append(f"{BUDGET_S}{parse_duration(value, BUDGET):g}")
        elif word.startswith("-"):
            if word.partition("=")[0] not in FLAGS:
                raise ConfigError(f"{quote(word)} is not a flag; write key=value, or -m for a sweep")
            flags += [word, next(words, "")] if word in WITH_VALUE else [word]
        elif word:
            overrides += hydra_override(word)
    if any(word.startswith(SUITE) for word in overrides) and not any(word.startswith(LAUNCHER) for word in overrides):
        overrides.append(f"{LAUNCHER}local")  # hundreds of short runs
    return flags + overrides


def check_word(word: str) -> None:
    """Raise ConfigError for what no value can hold, or what Hydra's parser takes too long for."""
    if found := CONTROLS.search(word):
        raise ConfigError(f"{quote(word)} holds the character {quote(found[0])}, which no key or value can")
    if "${hydra:" in word:
        raise ConfigError(
            f"{quote(word)}: ${{hydra:...}} has no value here; write it itself, such as $PWD for the folder"
        )
    depth = 0
    for char in word:
        depth += (char in "[{(") - (char in "]})")
        if depth > MAX_DEPTH:
            raise ConfigError(f"{quote(word)} is nested too deeply")


def hydra_override(word: str) -> list[str]:
    key, equals, value = word.partition("=")
    if equals and not key:
        raise ConfigError(f"{quote(word)} can't be read; write key=value")
    if value.startswith("~/"):
        word = f"{key}={os.path.expanduser(value)}"  # quoted or behind '=', the shell leaves it as it is
    if key in GROUPS and value in ("null", ""):
        return empty_choice(key)
    if key == "sweep":
        return [GRID + value]
    if key == "suite":
        return [SUITE + value]
    if key.startswith("sweep."):
        if key not in HALVING:
            raise ConfigError(f"{quote(word)} is not a key; of sweep= there are {', '.join(HALVING)}")
        return [HALVING[key] + value]
    if key in GROUPS and NUMBER.fullmatch(value):  # Hydra's message does not name the group
        raise ConfigError(unknown_choice(key, value))
    if key in CHOICES:
        check_names(key, word)
    if is_group_choice(key, equals):
        check_files(key, value)
        return [word]
    return [f"++{quote_folder(word)}"]


def is_group_choice(key: str, equals: str) -> bool:
    """Whether a word is no plain `key=value` but a choice of a group, or one of Hydra's own keys."""
    return not equals or key[0] in "+~" or key in GROUPS or "/" in key or "@" in key or key.startswith("hydra.")
