"""Ranges of numbers, declared beside the fields that hold them and checked before anything is built.

    lr: float = ranged(0.1, "[0, inf)")                    one number
    betas: tuple[float, ...] = ranged((0.0, 0.9), "[0, 1)")  each element
    AggMoConfig(betas=(0.0, 1.2))                          SettingError: AggMo: betas[1]=1.2 is not in [0, 1)

A range is an interval, or a set of words such as "{none, reset}". A float also has to be one in float32, in which
networks are trained: not infinite there, nor 0 if it is not 0. This file knows nothing of optimizers and imports no
torch, so the whole configuration can be checked with it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from numbers import Real
from typing import Any

_INTERVAL = re.compile(r"([\[(])\s*([^\s,]+)\s*,\s*([^\s,]+)\s*([\])])")
FLOAT32_MAX = (2 - 2**-23) * 2.0**127  # about 3.4e38
LARGEST = 1e18  # of any float: rules multiply two of them
SMALLEST = 1e-45  # of any float but 0: what float32 rounds to its smallest number
_SET = re.compile(r"\{([^{}]*)\}")


class SettingError(ValueError):
    """A setting that is out of its range or does not go with the others.

    owner: whose setting it is ("AggMo"); problem: the message without it ("betas[1]=1.2 is not in [0, 1)"), before
    which a caller may put its own name of the place ("optim.").
    """

    def __init__(self, owner: str, problem: str) -> None:
        super().__init__(owner, problem)
        self.owner, self.problem = owner, problem

    def __str__(self) -> str:
        return f"{self.owner}: {self.problem}"


@dataclasses.dataclass(frozen=True)
class Checked:
    """A dataclass that checks its fields' ranges when it is made; raises SettingError."""

    def __post_init__(self) -> None:
        try:
            check(self)
        except ValueError as error:
            raise self.error(str(error)) from None
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if annotation(field) in ("int", "int | None") and _number(value) is not None:
                object.__setattr__(self, field.name, int(value))  # a plain one: not numpy's, nor 3.0

    @classmethod
    def label(cls) -> str:
        """The name in messages: AggMo for AggMoConfig."""
        return cls.__name__.removesuffix("Config").removesuffix("Wrapper")

    @classmethod
    def error(cls, problem: str) -> SettingError:
        return SettingError(cls.label(), problem)


def ranged(default: Any, range: str, **field_kwargs: Any) -> Any:
    """Declare a dataclass field whose value, or whose every element, lies in `range`.

    metadata={"min_size": n} in `field_kwargs` asks a tuple for at least n elements.
    """
    _parse(range)  # a misspelt range fails where it is written
    metadata = {"range": range, **field_kwargs.pop("metadata", {})}
    return dataclasses.field(default=default, metadata=metadata, **field_kwargs)


def check(obj: Any, where: str = "") -> None:
    """Check every ranged field of a dataclass instance, nested dataclasses too.

    where: what to put before the field's name ("AggMo: ", "optim.").
    Raises ValueError naming the field, its value and its range.
    """
    for field in dataclasses.fields(obj):
        value = getattr(obj, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            check(value, f"{where}{field.name}.")
        check_field(field, value, where)


def check_field(field: dataclasses.Field[Any], value: Any, where: str = "") -> None:
    """Check one value against the range, the size and the kind (None, int, tuple) that its field declares."""
    range_ = field.metadata.get("range")
    kind = annotation(field)
    if range_ is None or (value is None and "None" in kind):
        return
    if not kind.startswith(("tuple", "list")):
        _check_value(field.name, value, range_, kind, where)
        return
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{where}{field.name}={value!r} is not a list of values in {range_}")
    for i, element in enumerate(value):
        _check_value(f"{field.name}[{i}]", element, range_, _element_kind(kind), where)
    _check_size(field, kind, tuple(value), where)


def annotation(field: dataclasses.Field[Any]) -> str:
    """The field's annotation as source text, whether or not annotations are evaluated in its module."""
    return field.type.__name__ if field.type in (int, float, str, bool) else str(field.type)  # type: ignore


def _element_kind(kind: str) -> str:
    return kind[kind.find("[") + 1 :]


def _check_size(field: dataclasses.Field[Any], kind: str, value: tuple[Any, ...], where: str) -> None:
    fixed = kind.startswith("tuple[") and "..." not in kind
    size = kind.count(",") + 1 if fixed else field.metadata.get("min_size", 0)
    if len(value) != size if fixed else len(value) < size:
        wanted = f"{size}" if fixed else f"at least {size}"
        raise ValueError(f"{where}{field.name}={value!r} has {len(value)} values, not {wanted}")


def _check_value(name: str, value: Any, range_: str, kind: str, where: str) -> None:
    whole = kind.startswith("int")
    if not contains(range_, value) or (whole and value != int(value)):
        raise ValueError(f"{where}{name}={value!r} is not {'an integer ' if whole else ''}in {range_}")
    if kind.startswith("float") and (size := abs(_number(value) or 0.0)):
        if size > LARGEST:
            raise ValueError(
                f"{where}{name}={value!r} is beyond {LARGEST:g}; larger numbers soon become infinite in float32"
            )
        if size < SMALLEST:
            raise ValueError(f"{where}{name}={value!r} is 0 in float32, whose smallest number is {SMALLEST:g}")


def contains(range: str, value: Any) -> bool:
    """Whether `value` lies in `range`; a bool, NaN, an infinity or a word lies in no interval."""
    parsed = _parse(range)
    if isinstance(parsed, frozenset):
        return isinstance(value, str) and value in parsed
    number = _number(value)
    if number is None or not math.isfinite(number):
        return False
    left, low, high, right = parsed
    above = number > low or (left == "[" and number == low)
    return above and (number < high or (right == "]" and number == high))


def _number(value: Any) -> float | None:
    """A real number as Python's own; None for anything else."""
    if math.prod(getattr(value, "shape", (0,))) == 1:  # in a tensor or array, without importing either library
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return value if isinstance(value, int) and math.isfinite(value) else float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf


@cache
def _parse(range: str) -> tuple[str, float, float, str] | frozenset[str]:
    if words := _SET.fullmatch(range.strip()):
        return frozenset(word.strip() for word in words[1].split(","))
    interval = _INTERVAL.fullmatch(range.strip())
    if interval is None:
        raise ValueError(f"range {range!r} is neither an interval like '[0, 1)' nor a set like '{{a, b}}'")
    left, low, high, right = interval.groups()
    return left, float(low), float(high), right
