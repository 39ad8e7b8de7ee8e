"""The keys of a configuration that is made of a signature: types and defaults of a constructor's arguments."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Container, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

NUMBER = int | float  # a whole number stays one: range(k) needs it
SCALARS = (bool, int, float, str)
#: key of the fields' metadata; its value is whether null stands for the class's or function's own default
ARGUMENT = "null_is_own_default"


def fields_of(
    target: Callable[..., Any], without: Container[str] = (), given: Mapping[str, Any] | None = None
) -> list[tuple[str, Any, Any]]:
    """(name, type, dataclass field) of each argument of a class or function that a configuration can give.

    Types come from the hints, or from the defaults where the hints do not say it. A default that is no plain value (a
    function, a marker) becomes null, which stands for the class's own. lr is in [0, inf), which classes need not check.
    Arguments of other types are left out, and those named in `without`. given: defaults in place of the signature's.
    Raises ValueError for a required argument without a usable type.
    """
    hints, found = hints_of(target), []
    for parameter in inspect.signature(target).parameters.values():
        name, default = parameter.name, (given or {}).get(parameter.name, parameter.default)
        if name in without or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name == "lr" and name not in hints and type_of(default) is None:
            default = parameter.empty  # a marker that stands for "required"
        hint = float if name == "lr" and default is parameter.empty else simple(hints.get(name))
        if hint is None and default is not parameter.empty and (default is not None or name not in hints):
            hint = float if name == "lr" and type_of(default) == NUMBER else type_of(default)
        if hint is not None:
            range_ = {"range": "[0, inf)"} if name == "lr" and hint is not Any else {}
            found.append((name, *with_default(hint, default, range_)))
        elif default is parameter.empty:
            raise ValueError(
                f"its argument {name} has no default, and no type hint of a number, a word or a list of them"
            )
    return found


def with_default(hint: Any, default: Any, metadata: Mapping[str, str]) -> tuple[Any, Any]:
    """The type and the field of an argument. metadata: of the field, beside ARGUMENT."""
    if default is inspect.Parameter.empty:
        return hint, dataclasses.field(metadata={ARGUMENT: False, **metadata})
    if isinstance(default, list):
        default = tuple(default)
    if default is None or not is_plain(default):
        own = default is not None
        return hint if hint is Any else hint | None, dataclasses.field(
            default=None, metadata={ARGUMENT: own, **metadata}
        )
    if hint is float and isinstance(default, int):
        default = float(default)
    return hint, dataclasses.field(default=default, metadata={ARGUMENT: False, **metadata})


def arguments_of(self: Any) -> dict[str, Any]:
    """The keyword arguments that a configuration with fields of `fields_of` stands for."""
    fields = [field for field in dataclasses.fields(self) if ARGUMENT in field.metadata]
    given = {field.name: getattr(self, field.name) for field in fields}
    return {
        each.name: given[each.name] for each in fields if given[each.name] is not None or not each.metadata[ARGUMENT]
    }


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
    """The type of an argument without a hint, by its default; None if a configuration can't give it."""
    if default is None:
        return Any
    if type(default) in (bool, float, str):  # not of a subclass: a member of an enum
        return type(default)
    if type(default) is int:
        return NUMBER
    if isinstance(default, tuple | list) and default and all(map(is_plain, default)):
        return tuple[tuple(type_of(each) for each in default)]  # type: ignore[misc]
    return None


def is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(is_plain, value))
    return value is None or type(value) in SCALARS
