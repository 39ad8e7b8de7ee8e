"""Configuration values: flattening nested settings, writing a value as text, finding the keys that vary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optim": {"lr": 0.1}} as {"optim.lr": 0.1}; lists and empty mappings stay as they are."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def format_value(value: Any) -> str:
    """A value as the command line takes it: true, null, 0.1, [0,0.9]. Different numbers have different texts."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value or value != value else repr(value)
    return f"[{','.join(map(format_value, value))}]" if isinstance(value, list | tuple) else str(value)


def format_metric(value: Any) -> str:
    """A loss or metric for the console: four decimals; below 0.001 and from a million on, two significant digits."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.1e}"


def quote(value: Any, max_length: int = 80) -> str:
    """A value for an error message: on one line, control characters escaped, cut after so many characters."""
    text = one_line(format_value(value))
    return text if len(text) <= max_length else f"{text[:max_length]}... ({len(text)} characters)"


def one_line(text: str) -> str:
    """Text without line breaks and other control characters, which are escaped; surrogates too."""
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return text.encode("utf-8", "backslashreplace").decode()


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or ["(no message)"])[0]


def varying_keys(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """The flattened keys whose values differ between the settings that have them, in the settings' order."""
    values: dict[str, set[str]] = {}
    for each in settings:
        for key, value in each.items():
            values.setdefault(key, set()).add(format_value(value))
    return [key for key, found in values.items() if len(found) > 1]
