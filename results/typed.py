"""From plain YAML to checked dataclasses: every key known, every value of its field's type and in its range.

    read_dataclass(Settings, {"seed": 1, "epochs": 30.0}, "")    Settings(seed=1, epochs=30)
    read_dataclass(Settings, {"epochs": 0}, "")                  ValueError: epochs=0 is not an integer in [1, inf)

Field types: float, int, int | float, bool, str, Any, X | None, Literal, tuples, Sequence[X], Mapping[str, Any], and
dataclasses of these. A range is declared in the field's metadata (optim/ranges.py).
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from optim.ranges import Checked, SettingError, check
from results.files import read_file
from results.plain_yaml import MAX_BYTES, parse_yaml
from results.values import is_number, quote

T = TypeVar("T")
UnknownKey = Callable[[str, type], ValueError]  # (path of the key, the dataclass that lacks it) -> error to raise
INT_LIMIT = 2**63  # of what torch, JSON readers and databases hold
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but tabs and line breaks
NAMES = {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}


def load_yaml(file: Path, name: str) -> Any:
    """The content of a YAML file, read as plain data. Raises ValueError, which calls the file by `name`."""
    try:
        content = read_file(file, MAX_BYTES)
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None
    except ValueError as error:  # no plain file, or a NUL in its name
        raise ValueError(f"{name} can't be read ({error})") from None
    try:
        return parse_yaml(content.decode())
    except ValueError as error:
        raise ValueError(f"{name} is no YAML ({error})") from None


def unknown_key(path: str, owner: type) -> ValueError:
    known = ", ".join(field.name for field in dataclasses.fields(owner))
    return ValueError(f"{path} is not a key; the keys are {known}")


def read_dataclass(kind: type[T], node: Any, path: str, on_unknown: UnknownKey | None = unknown_key) -> T:
    """Build a dataclass from a mapping. path: of the mapping, for messages; empty at the top. on_unknown=None: unknown
    keys are left out.

    Raises ValueError for a key that is unknown or missing, and for a value of another type or out of its range.
    """
    prefix = f"{path}." if path else ""
    hints, fields = type_hints(kind), dataclasses.fields(kind)  # type: ignore[arg-type]
    values = {}
    for key, value in as_mapping(node, path).items():
        if key not in {field.name for field in fields}:
            if on_unknown is None:
                continue
            raise on_unknown(f"{prefix}{key}", kind)
        values[key] = convert(value, hints[key], f"{prefix}{key}", on_unknown)
    for field in fields:
        if field.name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{prefix}{field.name} is missing")
    try:
        entry = kind(**values)
    except SettingError as error:  # of a dataclass that checks itself
        raise ValueError(f"{prefix}{error.problem}") from None
    if not isinstance(entry, Checked):
        check(entry, prefix)
    return entry


@cache
def type_hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def as_mapping(node: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        found = "a list" if isinstance(node, list | tuple) else "one value"
        raise ValueError(f"{path}={quote(node)} is {found}, but {path} is a group of keys")
    for key in node:
        if not isinstance(key, str) or CONTROLS.search(key):
            raise ValueError(f"{path or 'the file'} has the key {quote(key)}, which is no name")
    return node


def convert(value: Any, kind: Any, path: str, on_unknown: UnknownKey | None = unknown_key) -> Any:
    """`value` as plain Python of type `kind`; ValueError if it is of another type."""
    if kind is float and type(value) is float:  # most values of a run's files
        return value
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        kinds = [arg for arg in args if arg is not type(None)]
        if kinds == [int, float] and is_number(value):
            number: Any = value
            return int(number) if abs(number) < INT_LIMIT and number == int(number) else float(number)
        return convert(value, kinds[-1], path, on_unknown)
    if origin is Literal:
        if value not in args:
            raise ValueError(f"{path}={quote(value)} is not one of {', '.join(map(str, args))}")
        return args[args.index(value)]  # 18.0 is the same setting as 18
    if origin is tuple:
        return convert_tuple(value, args, path, on_unknown)
    if origin is Sequence:
        return list(convert_tuple(value, (args[0], Ellipsis), path, on_unknown))
    if origin in (Mapping, dict):
        return {
            key: convert(item, args[1], f"{path}.{key}", on_unknown) for key, item in as_mapping(value, path).items()
        }
    if dataclasses.is_dataclass(kind):
        return read_dataclass(kind, value, path, on_unknown)  # type: ignore[arg-type]
    return convert_scalar(value, kind, path)


def convert_scalar(value: Any, kind: Any, path: str) -> Any:
    if kind is Any:
        return value
    if kind is float and is_number(value):
        return to_float(value, path)
    if kind is int and is_number(value) and to_float(value, path).is_integer():
        if abs(value) >= INT_LIMIT:
            raise ValueError(f"{path}={quote(value)} is not below 2^63")
        return int(value)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str | int) and not isinstance(value, bool):
        return check_text(str(value), path)
    raise ValueError(f"{path}={quote(value)} is not {NAMES[kind]}")


def check_text(value: str, path: str) -> str:
    """Raise ValueError for what can't be part of a path or be written as UTF-8."""
    if found := CONTROLS.search(value):
        raise ValueError(f"{path}={quote(value)} holds the character {quote(found[0])}")
    return value


def to_float(value: float, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{path}={quote(value)} is too large a number") from None


def convert_tuple(value: Any, kinds: tuple[Any, ...], path: str, on_unknown: UnknownKey | None) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        items = "" if value is None else quote(value)
        raise ValueError(f"{path}={quote(value)} is not a list; write '{path}=[{items}]'")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{path}={quote(value)} has {len(value)} values and needs {len(kinds)}")
    items = enumerate(zip(value, kinds, strict=True))
    return tuple(convert(item, kind, f"{path}[{i}]", on_unknown) for i, (item, kind) in items)
