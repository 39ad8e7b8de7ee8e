"""The command line's words as Hydra takes them."""

from __future__ import annotations

import os
import re

from results.typed import CONTROLS, load_yaml
from results.values import quote
from runner.cli.durations import parse_duration
from runner.cli.errors import unknown_choice
from runner.config.compose import CONFIGS, quote_folder
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
MAX_NAME_LENGTH = 200  # characters; file systems allow 255 bytes
WITH_VALUE = {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"}

LISTS = {"wrap": "a wrapper", "groups": "a rule"}  # groups of which several can be chosen
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
    if key in LISTS:
        check_repeated(key, value)
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
    if is_group_choice(key, equals):
        check_files(key, value)
        return [word]
    return [f"++{quote_folder(word)}"]


def check_files(group: str, value: str) -> None:
    """Raise ConfigError for a choice that is no name, and where its file of configs/ is no YAML or never ends."""
    if "${" in value and not group.startswith("hydra."):
        raise ConfigError(f"{group}={quote(value)}: write the name of a choice itself; ${{...}} is for values")
    for name in re.findall(r"[\w./-]+", value):
        if len(name) > MAX_NAME_LENGTH:
            raise ConfigError(f"{group}={quote(value)} is unknown; --help lists what can be chosen")
        file = CONFIGS / group.strip("+~").partition("@")[0] / f"{name}.yaml"
        if os.path.isfile(file):
            try:
                load_yaml(file, file.relative_to(CONFIGS.parent).as_posix())
            except ValueError as error:
                raise ConfigError(str(error)) from None


def empty_choice(group: str) -> list[str]:
    """The override of an empty choice; ConfigError for a group that needs one."""
    if group in LISTS:
        return [f"{group}=[]"]
    if group == "experiment":
        return []
    raise ConfigError(f"{group}= needs a choice; --help lists them")


def check_repeated(group: str, value: str) -> None:
    if not value.startswith("["):
        return  # one choice, or a sweep over lists
    names = [name.strip() for name in value.strip("[]").split(",") if name.strip()]
    if "]" not in value[:-1] and len(set(names)) < len(names):
        raise ConfigError(f"{group}={quote(value)} names {LISTS[group]} twice; each can be used once")


def is_group_choice(key: str, equals: str) -> bool:
    """Whether a word is no plain `key=value` but a choice of a group, or one of Hydra's own keys."""
    return not equals or key[0] in "+~" or key in GROUPS or "/" in key or "@" in key or key.startswith("hydra.")
