"""Choosing runs by their settings: `optim=aggmo,adam task=digits seed=0,1 optim.lr=0.01 status=done wrap=lookahead`.

A filter is a dotted key of the configuration and the values that pass, any of them; filters hold together. A key that
names a choice (`task`, `data`, `model`, `optim`, `optim.lr_schedule`) means its name; `wrap=lookahead` means runs with
that wrapper, among others or not, and `wrap=none` those with none, as `groups=no_decay` and `groups=none` for rules of
parameter groups. Beside the configuration's keys there are `status` (done, diverged, ...), `optimizer` (with its
wrappers and rules: adam+lookahead), `signature` and `setting`: a label as the report has it for all these runs, or the
name of the folder.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from results.run import Run
from results.run_labels import labels
from results.values import format_value, is_number

#: keys that are not in the configuration
DERIVED_KEYS: dict[str, Callable[[Run], Any]] = {
    "status": lambda run: run.ending,
    "optimizer": lambda run: run.optimizer,
    "signature": lambda run: run.signature,
    "setting": lambda run: run.setting,
}
MOST = 12  # values named in an error
MISSING = object()  # the run has no such key; its value may be None


def select(runs: Sequence[Run], where: Iterable[str] = ()) -> list[Run]:
    """The runs that pass every filter.

    Raises ValueError for text that is no filter, an unknown key, a value that no run has, or filters that no run
    passes together. Without runs there is nothing to choose from, and nothing is refused but text that is no filter.
    """
    filters = [parse_filter(text) for text in where]
    if not runs:
        return []
    by_label = any(key == "setting" for key, _ in filters)
    names = dict(zip(map(id, runs), labels(runs), strict=True)) if by_label else {}
    for key, values in filters:
        check_filter(runs, key, values, names)
    chosen = [run for run in runs if all(passes(run, key, values, names) for key, values in filters)]
    if not chosen:
        raise ValueError(f"no run passes {' '.join(where)} together; {len(runs)} runs are there")
    return chosen


def parse_filter(text: str) -> tuple[str, list[str]]:
    """("optim.lr", ["0.01", "0.1"]) of "optim.lr=0.01,0.1"; commas in brackets do not part values."""
    key, _, values = (part.strip() for part in text.partition("="))
    if key == "setting":  # adam,lr=0.1 is one setting
        return key, [values]
    found = re.findall(r"(?:\[[^\]]*\]|[^,\[])+", values)
    if not key or not values or ",".join(found) != values:
        raise ValueError(f"{text} is no filter; write key=value or key=value,value, such as optim=adam,aggmo")
    return key, [value.strip() for value in found]


def check_filter(runs: Sequence[Run], key: str, values: Sequence[str], names: Mapping[int, str]) -> None:
    """Raise ValueError unless some run has the key, and each value is some run's."""
    present = [value for run in runs for value in values_of(run, key, names)]
    if not present:
        raise ValueError(unknown_key_message(runs, key))
    for text in values:
        if not any(matches(text, value) for value in present):
            raise ValueError(f"{key}={text}: no run has it; there {list_text(distinct(present))}")


def passes(run: Run, key: str, values: Sequence[str], names: Mapping[int, str]) -> bool:
    return any(matches(text, value) for text in values for value in values_of(run, key, names))


def values_of(run: Run, key: str, names: Mapping[int, str]) -> list[Any]:
    """What a run has under a key: nothing where it lacks it, several for its wrappers. names: labels by id."""
    if key == "setting":
        return [names[id(run)], run.setting]
    if key in DERIVED_KEYS:
        return [DERIVED_KEYS[key](run)]
    if key in ("wrap", "groups"):
        return list(run.config[key]) or ["none"]
    value = run.settings.get(key, MISSING)
    if value is MISSING:
        value = run.settings.get(f"{key}.name", MISSING)
    return [] if value is MISSING else [value]


def matches(text: str, value: Any) -> bool:
    """Whether a filter's text means a setting's value: 1e-2 is 0.01, true is True, null is None, [0,0.9] a list."""
    if isinstance(value, list | tuple):
        parts = text.removeprefix("[").removesuffix("]").split(",")
        return len(parts) == len(value) and all(
            matches(*pair) for pair in zip(map(str.strip, parts), value, strict=True)
        )
    if isinstance(value, bool) or value is None:
        return text.lower() == format_value(value)
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return False
    return text == str(value)


def distinct(values: Iterable[Any]) -> list[str]:
    """The values as text, numbers in their order first."""
    found = {format_value(value): value for value in values}
    return sorted(found, key=lambda text: (not is_number(found[text]), found[text] if is_number(found[text]) else text))


def list_text(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"is only {values[0]}"
    more = f" and {len(values) - MOST} more" if len(values) > MOST else ""
    return f"are {', '.join(values[:MOST])}{more}"


def unknown_key_message(runs: Sequence[Run], key: str) -> str:
    """What to write in place of a key that no run has."""
    valid = dict.fromkeys([*DERIVED_KEYS, "wrap", "groups", *(name for run in runs for name in run.settings)])
    inside = [name for name in valid if name.startswith(f"{key}.")]
    if inside:
        return f"{key} holds several keys: {', '.join(inside[:MOST])}"
    valid |= dict.fromkeys(name.removesuffix(".name") for name in valid if name.endswith(".name"))
    endings = [name for name in valid if name.endswith(f".{key}")]  # lr for optim.lr
    near = endings or difflib.get_close_matches(key, list(valid), 3)
    if near:
        return f"{key} is no key of these runs; did you mean {' or '.join(near[:3])}?"
    groups = dict.fromkeys(name.split(".")[0] for name in valid)
    return f"{key} is no key of these runs; there are {', '.join(groups)}, and dotted ones such as optim.lr"
