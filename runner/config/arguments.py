"""The keys of a configuration that is made of a signature: types and defaults of a constructor's arguments."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Container, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

NUMBER = int | float  # a whole number stays one: range(k) needs it
SCALARS = (bool, int, float, str)


def fields_of(target: Callable[..., Any], without: Container[str]) -> list[tuple[str, Any, Any]]:
    """(name, type, dataclass field) of each argument of a class or function that a configuration can give.

    Types come from the hints, or from the defaults where there are none. A default that is no plain value (a function,
    a marker) becomes null, which stands for the class's own. Arguments of other types are left out, and those named in
    `without`. Raises ValueError for an argument that must be given and has no usable type.
    """
    hints, found = hints_of(target), []
    for parameter in inspect.signature(target).parameters.values():
        name, default = parameter.name, parameter.default
        if name in without or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        hint = simple(hints[name]) if name in hints else None
        if hint is None and name not in hints and default is not parameter.empty:
            hint = type_of(default)
        if hint is not None:
            found.append((name, *with_default(hint, default)))
        elif default is parameter.empty:
            raise ValueError(f"its argument {name} has no default, and no type that a configuration can give")
    return found


def with_default(hint: Any, default: Any) -> tuple[Any, Any]:
    """The type and the field of an argument."""
    if default is inspect.Parameter.empty:
        return hint, dataclasses.field()
    if isinstance(default, list):
        default = tuple(default)
    if is_plain(default) and default is not None:
        if hint is float and isinstance(default, int):
            default = float(default)
        return hint, dataclasses.field(default=default)
    return hint | None, dataclasses.field(default=None)


def hints_of(target: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(target.__init__ if isinstance(target, type) else target)
    except Exception:  # names that only a type checker imports
        return {}


def simple(hint: Any) -> Any:
    """A hint as a type that configurations have: scalars, words, tuples of these, or None if it is another.

    Of a union the first such member; tensors in place of numbers are left out.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint in SCALARS:
        return hint
    if origin is Literal and all(isinstance(arg, str | int) for arg in args):
        return hint
    if origin in (tuple, list):
        inner = [arg if arg is Ellipsis else simple(arg) for arg in args]
        if not inner or None in inner:
            return None
        return tuple[inner[0], ...] if origin is list else tuple[tuple(inner)]  # type: ignore[valid-type]
    if origin in (Union, types.UnionType):
        found = next((found for arg in args if (found := simple(arg)) is not None), None)
        return found | None if found is not None and type(None) in args else found
    return None


def type_of(default: Any) -> Any:
    """The type of an argument without a hint, by its default."""
    if isinstance(default, bool | str):
        return type(default)
    if isinstance(default, int | float):
        return NUMBER
    if isinstance(default, tuple | list) and default and all(map(is_plain, default)):
        return tuple[tuple(type_of(each) or NUMBER for each in default)]  # type: ignore[misc]
    return NUMBER if default is None else None


def is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
