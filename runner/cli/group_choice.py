"""What is chosen of the groups of configs/: `optim=adam`, `wrap=[ema,lookahead]`."""

from __future__ import annotations

import os
import re
from typing import Any

from results.typed import load_yaml
from results.values import quote
from runner.config.compose import CONFIGS
from runner.config.errors import ConfigError
from runner.config.suggestions import GROUPS

CHOICES = (*GROUPS, "optim/lr_schedule", "hydra/launcher", "hydra/sweeper")
LISTS = {"wrap": "a wrapper", "groups": "a rule"}  # groups of which several can be chosen
EXAMPLES = {"wrap": ("ema", "lookahead"), "groups": ("no_decay", "muon")}
MAX_NAME_LENGTH = 200  # characters; file systems allow 255 bytes


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


def check_names(group: str, word: str) -> None:
    """Raise ConfigError for a choice that is no name, nor a list of different names where several can be chosen."""
    for value in chosen_values(word):
        names = value if isinstance(value, list) else [value]
        if value is None and group in (*LISTS, "experiment"):
            continue  # nothing chosen
        if not all(isinstance(name, str) for name in names) or (len(names) != 1 and group not in LISTS):
            raise ConfigError(f"{quote(word)}: {what_is_chosen(group)}")
        if len(set(names)) < len(names):
            raise ConfigError(f"{quote(word)} names {LISTS[group]} twice; each can be used once")


def chosen_values(word: str) -> list[Any]:
    """The values of `group=value` or of a sweep over several, lists of names as lists; none for a word that can't be
    read, of which Hydra says where."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ChoiceSweep, QuotedString
    from hydra.errors import OverrideParseException

    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except (OverrideParseException, ValueError):
        return []
    value = override.value()
    values = value.list if isinstance(value, ChoiceSweep) else [] if override.is_sweep_override() else [value]

    def plain(each: Any) -> Any:
        if isinstance(each, list):
            return [plain(one) for one in each]
        return each.text if isinstance(each, QuotedString) else each

    return [plain(each) for each in values]


def what_is_chosen(group: str) -> str:
    if group not in LISTS:
        several = "" if group.startswith("hydra/") else "; several are a sweep, such as -m optim=adam,sgd"
        return f"a choice of {group} is one name{several}"
    one, other = EXAMPLES[group]
    return (
        f"a choice of {group} is a list of names, such as {group}=[{one},{other}]; "
        f"several lists are a sweep, such as -m {group}=[{one}],[]"
    )
