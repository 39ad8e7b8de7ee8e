"""An experiment's configuration, from overrides or from a run's record, without running anything."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from results.typed import load_yaml
from results.values import quote
from runner.config.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def compose(*overrides: str) -> dict[str, Any]:
    """Compose as the command line would; plain containers, for `runner.config.validate.validate`.

    A key that is not in the files needs `++` before it; validate then refuses it. Hydra takes some 50 ms for choices of
    groups, which it composes once a process; values (`++key=value`) are set on a copy.
    """
    from omegaconf import OmegaConf

    choices = tuple(word for word in overrides if not word.startswith("++"))
    try:
        composed = copy.deepcopy(composed_by_hydra(choices))
        set_values(composed, parse_changes([word for word in overrides if word.startswith("++")]))
    except Exception:  # of many kinds; of all the words together Hydra has the message that describe_error knows
        composed = composed_by_hydra(overrides)
    return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))


@lru_cache(maxsize=128)
def composed_by_hydra(overrides: tuple[str, ...]) -> Any:
    import hydra

    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return hydra.compose("config", list(overrides))


def set_values(composed: Any, values: Sequence[Any]) -> None:
    """Set the values of `++key=value` as Hydra does. Raises ValueError for a key that is a group."""
    from omegaconf import OmegaConf

    OmegaConf.set_struct(composed, False)
    for override in values:
        if (CONFIGS / override.key_or_group).is_dir():
            raise ValueError(f"{override.key_or_group} is a group")
        OmegaConf.update(composed, override.key_or_group, override.value(), merge=True, force_add=True)


def read_saved(words: list[str]) -> dict[str, Any]:
    """The configuration of `config=FILE key=value ...`: a run's config.yaml with keys changed.

    The file is read as plain data. It never reaches Hydra, which would call functions that a file names.
    """
    file, *more = [word.removeprefix("config=") for word in words if word.startswith("config=")]
    if more:
        raise ConfigError(
            f"config={quote(file, 200)} and config={quote(more[0], 200)}: one command runs one recorded experiment"
        )
    changes = [word for word in words if not word.startswith("config=")]
    for word in changes:
        key, equals, _ = word.partition("=")
        if not equals or key.startswith(("-", "+", "~")) or "/" in key or key in ("task", "data", "model", "optim"):
            raise ConfigError(
                f"{quote(word)} does not go with config=FILE, which runs one recorded experiment: change its "
                "keys, such as seed=1, or write the command anew"
            )
    try:
        raw = load_yaml(Path(file).expanduser(), f"config={quote(file, 200)}")
    except ValueError as error:
        raise ConfigError(f"{error}; give a run's config.yaml") from None
    if not isinstance(raw, dict) or raw.keys() & {"hydra", "defaults"}:
        raise ConfigError(f"config={quote(file, 200)} is not a run's config.yaml")
    for override in parse_changes(changes):
        set_value(raw, override.key_or_group, override.value())
    return raw


def quote_folder(word: str) -> str:
    """`branch.run=FOLDER` with the folder in quotes, as a run's folder has commas; other words as they are.

    Several signatures, as a sweep has them, are quoted one by one: 12345678 is no number.
    """
    key, _, value = word.partition("=")
    if key.lstrip("+") != "branch.run" or value in ("", "null") or set(value) & set("\"'[{$"):
        return word
    parts = value.split(",")
    parts = parts if all(re.fullmatch("[0-9a-f]{8}", part) for part in parts) else [value.rstrip("/\\")]
    return f"{key}={','.join(f'{chr(34)}{part}{chr(34)}' for part in parts)}"


def parse_changes(words: list[str]) -> list[Any]:
    """Hydra's overrides of `key=value` words, each of one value; ConfigError for a word that is none."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    parser, found = OverridesParser.create(), []
    for word in words:
        try:
            (override,) = parser.parse_overrides([quote_folder(word)])
        except (OverrideParseException, ValueError):  # ValueError: an integer of more digits than Python reads
            raise ConfigError(unreadable(word)) from None
        if override.is_sweep_override():
            raise ConfigError(several_values(word))
        found.append(override)
    return found


def set_value(node: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key of nested mappings; ConfigError where a part of it holds one value."""
    *groups, last = key.split(".")
    for i, group in enumerate(groups):
        node = node.setdefault(group, {})
        if not isinstance(node, dict):
            where = ".".join(groups[: i + 1])
            raise ConfigError(f"{where}={quote(node)} is one value, but {quote(key)} asks for a key in it")
    node[last] = value


def unreadable(word: str) -> str:
    """The message for a word of the command line that Hydra can't parse."""
    hint = f", a value with = # or other signs as {quoted(word)}" if quoted(word) else ""
    return f"{quote(word)} can't be read; write key=value, lists as 'key=[1,2]', in quotes{hint}"


def several_values(word: str) -> str:
    """The message for a word with commas in a command that runs once."""
    hint = f", or one value with commas as {quoted(word)}" if quoted(word) else ""
    return f"{quote(word)} holds several values; add -m to run each, or write a list as 'key=[1,2]'{hint}"


def quoted(word: str) -> str:
    """A word as it is to be written where its value holds signs of Hydra's grammar; empty if quotes do not help."""
    key, _, value = word.partition("=")
    plain = value and value[0] not in "[{(" and not set(value) & set("\"'\\$") and value.isprintable()
    return f"'{key}=\"{value}\"'" if plain and len(value) <= 200 else ""
