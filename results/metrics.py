"""metrics.jsonl, the record of a run, and timings.jsonl: one JSON object a line, only ever appended to.

A row of metrics.jsonl holds means over samples:
    {"split": "train", "epoch": 3, "step": 600, "loss": 0.21, "acc": 0.94, "lr": 0.1, "per": "epoch"}
`per` is "epoch" for the mean over an epoch and "step" for the mean over the steps since the last such row.
Test rows name the `weights` that were tested, "best" or "last".

metrics.jsonl holds no clock, so that a resumed run's file equals an undisturbed run's to the byte; seconds after each
epoch are in timings.jsonl.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from results.files import parse_json, read_file
from results.paths import METRICS, TIMINGS

Row = dict[str, Any]
MAX_ROW_BYTES = 2**31  # of a file of rows
TEXTS = ("split", "per", "weights")  # keys whose values are no numbers
LARGEST = sys.float_info.max


class RowFiles:
    """metrics.jsonl and timings.jsonl of a run, open for appending."""

    def __init__(self, folder: Path, lengths: dict[str, int] | None = None) -> None:
        """Open for appending after `lengths` bytes of each file (None: start anew); what lies behind is cut off.

        Raises ValueError for a file that is shorter than its length.
        """
        self.files = {}
        for name in (METRICS, TIMINGS):
            file = open(folder / name, "ab")  # noqa: SIM115 - open for the run's life
            length = lengths.get(name, 0) if lengths else 0
            if file.tell() < length:
                file.close()
                raise ValueError(f"{folder / name} is shorter than its checkpoint says; rerun=true runs from the start")
            file.truncate(length)
            file.seek(0, os.SEEK_END)
            self.files[name] = file

    def append(self, name: str, row: Row) -> None:
        self.files[name].write((json.dumps(row, allow_nan=False) + "\n").encode())

    def flush(self) -> None:
        for file in self.files.values():
            file.flush()

    def lengths(self) -> dict[str, int]:
        """Make every row durable; return the files' lengths in bytes, for the checkpoint."""
        self.flush()
        for file in self.files.values():
            os.fsync(file.fileno())
        return {name: file.tell() for name, file in self.files.items()}

    def close(self) -> None:
        with contextlib.ExitStack() as closing:
            for file in self.files.values():
                closing.callback(file.close)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; a last line that is still being written, and lines that are no rows, are left out."""
    try:
        content = read_file(path, MAX_ROW_BYTES)
    except (OSError, ValueError):
        return []
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    try:
        rows = parse_json(b"[" + b",".join(lines) + b"]", path.name)
    except ValueError:
        rows = [row for line in lines for row in parse_line(line)]
    return [row for row in rows if is_row(row)]


def parse_line(line: bytes) -> list[Any]:
    with contextlib.suppress(ValueError):
        return [parse_json(line, "")]
    return []


def is_row(row: Any) -> bool:
    """Whether a line's value is a row: epoch and step are counts, `split` and the like are text, all else is finite."""
    if type(row) is not dict or not are_keys(tuple(row)):
        return False
    for key, value in row.items():
        if type(value) is str:
            if key not in TEXTS:
                return False
        elif key in TEXTS or type(value) not in (int, float) or not -LARGEST <= value <= LARGEST:
            return False
    return all(type(row[key]) is int and 0 <= row[key] < 2**63 for key in ("epoch", "step"))


@lru_cache(maxsize=256)
def are_keys(keys: tuple[str, ...]) -> bool:
    return {"epoch", "step"} <= set(keys) and all(key.isprintable() for key in keys)


def value_keys(row: Row) -> list[str]:
    """The keys of a row that hold loss and metric."""
    return [
        key
        for key in row
        if key not in ("split", "epoch", "step", "per", "weights", "lr") and not key.startswith("lr/")
    ]


def step_rows(rows: Sequence[Row]) -> list[Row]:
    """The per-step rows of training, one every `log.every` steps."""
    return [row for row in rows if row.get("split") == "train" and row.get("per") == "step"]
