"""What the files of a run's folder may hold. All that reads them goes through here; a message names the file and key.

read_status(folder)         status.json, or None where it is missing or can't be used
check_status(content)       the same content; ValueError: status.json: best.acc=fast is not a number
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from results.files import parse_json, read_file
from results.paths import CONFIG, ENVIRONMENT, LOGGERS, STATUS
from results.status import STATUSES
from results.typed import as_mapping, convert, read_dataclass, type_hints
from results.values import is_number, quote

NAMES = {  # a task's is a folder; an optimizer's may be a class of a package, torch/Adafactor
    "task.name": re.compile(r"\w[\w.-]*"),
    "optim.name": re.compile(r"\w[\w.-]*(/\w+)?"),
}
MAX_TEXT = 4096  # characters of a setting
COUNT = {"range": "[0, inf)"}
Numbers = Mapping[str, float | None] | None  # {"epoch": 3, "step": 90, "loss": 0.2, "acc": 0.9}


@dataclass(frozen=True, kw_only=True)
class Divergence:
    epoch: int = field(metadata=COUNT)
    step: int = field(metadata=COUNT)
    what: str


@dataclass(frozen=True, kw_only=True)
class Stop:
    epoch: int = field(metadata=COUNT)
    by: str


@dataclass(frozen=True, kw_only=True)
class StatusRecord:
    """The keys of status.json that are read; others may stand beside them."""

    status: str
    metric: str
    better: Literal["max", "min"]
    epochs_done: int = field(default=0, metadata=COUNT)
    steps_done: int = field(default=0, metadata=COUNT)
    best: Numbers = None
    final: Numbers = None
    test: Numbers = None
    test_last: Numbers = None
    diverged: Divergence | None = None
    error: str | None = None
    stopped: Stop | None = None
    stopped_early: bool = False
    averaging_from: int | None = None
    seconds: Mapping[str, float | None] | None = None


@dataclass(frozen=True, kw_only=True)
class GitRecord:
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, kw_only=True)
class EnvironmentRecord:
    """The keys of environment.json that are read."""

    time: str | None = None
    git: GitRecord | None = None
    python: str | None = None
    packages: Mapping[str, str | None] | None = None
    device: str | None = None
    device_name: str | None = None
    code: Mapping[str, str] | None = None
    resumed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    name: str


@dataclass(frozen=True, kw_only=True)
class OptimizerChoice(Choice):
    lr: float


@dataclass(frozen=True, kw_only=True)
class ConfigRecord:
    """The keys of config.yaml that are read whatever else it holds."""

    task: Choice
    optim: OptimizerChoice
    seed: int
    wrap: Mapping[str, Mapping[str, Any]] | None = None
    groups: Mapping[str, Mapping[str, Any]] | None = None
    epochs: int | None = None
    data: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None


def check_status(content: Any) -> dict[str, Any]:
    """The content of a status.json as it is; ValueError where a key is missing or of another type."""
    check_record(StatusRecord, content, STATUS)
    if content["status"] not in STATUSES:
        raise ValueError(f"{STATUS}: status={quote(content['status'])} is not one of {', '.join(STATUSES)}")
    if not content["metric"] or not content["metric"].isprintable():
        raise ValueError(f"{STATUS}: metric={quote(content['metric'])} is not a name")
    check_finite(content, STATUS)
    return content


def check_config(content: Any) -> dict[str, Any]:
    """The content of a run's config.yaml; ValueError where it is none, or holds what no setting is."""
    record = check_record(ConfigRecord, content, CONFIG)
    for key, name in (("task.name", record.task.name), ("optim.name", record.optim.name)):
        if not NAMES[key].fullmatch(name):
            raise ValueError(f"{CONFIG}: {key}={quote(name)} is not a name")
    if not math.isfinite(record.optim.lr):
        raise ValueError(f"{CONFIG}: optim.lr={record.optim.lr} is not finite")
    check_settings(content, CONFIG)
    return {**content, "wrap": content.get("wrap") or {}, "groups": content.get("groups") or {}}


def check_environment(content: Any) -> dict[str, Any]:
    """The content of an environment.json as it is; ValueError where a key is of another type."""
    check_record(EnvironmentRecord, content, ENVIRONMENT)
    return content


def check_loggers(content: Any) -> dict[str, Any]:
    """The content of a loggers.json as it is: a mapping for each logger."""
    for name, state in as_mapping(content, LOGGERS).items():
        convert(state, Mapping[str, Any], f"{LOGGERS}: {name}")
    return content


def read_status(folder: Path) -> dict[str, Any] | None:
    """status.json of a run's folder; None where it is missing or can't be used."""
    return read_checked(folder / STATUS, check_status)


def read_environment(folder: Path) -> dict[str, Any]:
    """environment.json of a run's folder; empty where it is missing or can't be used."""
    return read_checked(folder / ENVIRONMENT, check_environment) or {}


def read_logger_states(folder: Path) -> dict[str, Any]:
    """loggers.json of a run's folder; empty where it is missing or can't be used."""
    return read_checked(folder / LOGGERS, check_loggers) or {}


def read_checked(path: Path, check: Any) -> dict[str, Any] | None:
    try:
        return check(parse_json(read_file(path), path.name))
    except (OSError, ValueError):
        return None


def check_record(kind: Any, content: Any, file: str) -> Any:
    """The known keys of a file's content as a dataclass; ValueError names the file and the key."""
    try:
        if not isinstance(content, dict):
            raise ValueError(f"{quote(content)} is no mapping")
        return read_dataclass(kind, content, "", None)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def check_finite(content: Mapping[str, Any], file: str) -> None:
    """Raise ValueError for a number that is infinite, as 1e999 is when it is read, in the mappings of a status."""
    for key in type_hints(StatusRecord):
        for name, value in (content.get(key) or {}).items() if isinstance(content.get(key), dict) else ():
            if is_number(value) and not math.isfinite(value):
                raise ValueError(f"{file}: {key}.{name}={value} is not finite")


def check_settings(node: Any, path: str) -> None:
    """Raise ValueError for names that are no text and for text longer than any setting."""
    for key, value in as_mapping(node, path).items():
        where = f"{path}.{key}" if "." in path and path != CONFIG else f"{path}: {key}"
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and len(item) > MAX_TEXT:
                raise ValueError(f"{where} has {len(item):,} characters")
        if isinstance(value, Mapping):
            check_settings(value, where)
