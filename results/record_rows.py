"""The rows of metrics.jsonl as columns, for records of runs that are small enough to be committed, and back.

A split's columns have one value for each epoch. A column of equal values is written as that value, epochs 1 to n as
n, and steps that are a multiple of the epochs as that multiple. Of more than MAX_EPOCHS epochs only every second,
third, ... is kept, and the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from results.metrics import Row, step_rows, value_keys
from results.values import is_number

DIGITS = 6  # significant digits of every recorded number
MAX_EPOCHS = 200
Columns = dict[str, Any]


def rounded(value: Any, digits: int = DIGITS) -> Any:
    """Numbers of nested data with so many significant digits; integers as they are."""
    if isinstance(value, Mapping):
        return {key: rounded(each, digits) for key, each in value.items()}
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def epoch_columns(rows: Sequence[Row]) -> dict[str, Columns]:
    """The epochs' rows of training and validation, {"train": columns, "val": columns}; norms of single parameters and
    the rates of parameter groups are left out."""
    found = {}
    for split in ("train", "val"):
        own = thinned([row for row in rows if row.get("split") == split and row.get("per") == "epoch"])
        if own:
            found[split] = columns(own)
    return found


def thinned(rows: Sequence[Row]) -> list[Row]:
    """Every k-th row, counted from the end, with the smallest k that leaves at most MAX_EPOCHS."""
    every = -(-len(rows) // MAX_EPOCHS) if rows else 1
    return list(rows[::-1][::every][::-1])


def columns(rows: Sequence[Row]) -> Columns:
    epochs, steps = [row["epoch"] for row in rows], [row["step"] for row in rows]
    numbers = range(1, len(epochs) + 1)
    length = steps[-1] // epochs[-1] if epochs[-1] else 0
    regular = steps == [length * epoch for epoch in epochs]
    found: Columns = {
        "epoch": len(epochs) if epochs == [*numbers] else epochs,
        "step": length if regular else steps,
    }
    keys = dict.fromkeys(key for row in rows for key in ("lr", *value_keys(row)) if key in row and "/" not in key)
    for key in keys:
        values = [rounded(row.get(key)) for row in rows]
        found[key] = values[0] if len(set(values)) == 1 else values
    return found


def rows_of_columns(split: str, given: Mapping[str, Any]) -> list[Row]:
    """The rows that `columns` was made of. Raises ValueError where columns are missing or of different lengths."""
    epochs = given.get("epoch")
    epochs = [*range(1, epochs + 1)] if isinstance(epochs, int) and epochs <= MAX_EPOCHS else epochs
    if not isinstance(epochs, list) or not all(isinstance(epoch, int) for epoch in epochs):
        raise ValueError(f"{split}.epoch is neither a number of epochs, at most {MAX_EPOCHS}, nor a list")
    steps = given.get("step")
    full = {**given, "epoch": epochs, "step": [steps * e for e in epochs] if isinstance(steps, int) else steps}
    lists = {key: value if isinstance(value, list) else [value] * len(epochs) for key, value in full.items()}
    for key, values in lists.items():
        if len(values) != len(epochs) or not all(value is None or is_number(value) for value in values):
            raise ValueError(f"{split}.{key} has no number for each of {len(epochs)} epochs")
    return [
        {"split": split, **{key: values[i] for key, values in lists.items() if values[i] is not None}, "per": "epoch"}
        for i in range(len(epochs))
    ]


def step_values(rows: Sequence[Row]) -> list[Row]:
    """Of the rows of steps the values that no row of an epoch has, as toys': the largest of each key, and the last."""
    steps = step_rows(rows)
    known = {key for row in rows if row.get("per") == "epoch" for key in row}
    keys = dict.fromkeys(key for row in steps for key in value_keys(row) if key not in known and "/" not in key)
    if not keys:
        return []
    first, last = ({key: row[key] for key in ("epoch", "step")} for row in (steps[0], steps[-1]))
    largest = {key: rounded(max(row[key] for row in steps if key in row)) for key in keys}
    return [{**first, **largest}, {**last, **{key: rounded(steps[-1][key]) for key in keys if key in steps[-1]}}]


def rows_of_step_values(given: Sequence[Row]) -> list[Row]:
    return [{"split": "train", **row, "per": "step"} for row in given]
