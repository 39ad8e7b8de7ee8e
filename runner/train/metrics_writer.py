"""The record of a run: rows of metrics.jsonl (the source of truth), the same for the sinks, and timings.jsonl.

A row holds means over samples:
    {"split": "train", "epoch": 3, "step": 600, "loss": 0.21, "acc": 0.94, "lr": 0.1, "per": "epoch"}
`per` is "epoch" for the mean over an epoch and "step" for the mean over the steps since the last such row.
Test rows say which `weights` were tested, "best" or "last".

metrics.jsonl holds no clock, so that a resumed run's file equals an undisturbed run's to the byte; seconds after
each epoch are in timings.jsonl. A resumed run gives its sinks the rows that count anew.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from results.run import read_rows
from runner.loggers.buffered import Sinks

METRICS, TIMINGS = "metrics.jsonl", "timings.jsonl"


class Records:
    """Append-only rows with a length that a checkpoint remembers."""

    def __init__(self, folder: Path, lengths: dict[str, int] | None = None, sinks: Sinks | None = None) -> None:
        """Open for appending after `lengths` bytes a file (None: start anew); what lies behind them is cut off."""
        self.folder = folder
        self.files = {}
        for name in (METRICS, TIMINGS):
            file = open(folder / name, "ab")  # noqa: SIM115 - open for the run's life
            length = lengths[name] if lengths else 0
            if file.tell() < length:
                file.close()
                raise ValueError(f"{folder / name} is shorter than its checkpoint says; rerun=true runs from the start")
            file.truncate(length)
            file.seek(0, os.SEEK_END)
            self.files[name] = file
        self.sinks = sinks or Sinks()
        for row in read_rows(folder / METRICS) if lengths else ():
            self.sinks.add(row)

    def add(self, row: dict[str, Any]) -> None:
        self._append(METRICS, row)
        self.sinks.add(row)

    def add_timing(self, row: dict[str, Any]) -> None:
        self._append(TIMINGS, row)

    def _append(self, name: str, row: dict[str, Any]) -> None:
        self.files[name].write((json.dumps(row, allow_nan=False) + "\n").encode())

    def lengths(self) -> dict[str, int]:
        """Make every row durable and return the files' lengths in bytes, for the checkpoint."""
        self.flush()
        for file in self.files.values():
            os.fsync(file.fileno())
        return {name: file.tell() for name, file in self.files.items()}

    def flush(self) -> None:
        for file in self.files.values():
            file.flush()
        self.sinks.flush()

    def close(self) -> None:
        """The files only: the sinks are closed with the run's ending, once its pictures are drawn."""
        with contextlib.ExitStack() as closing:
            for file in self.files.values():
                closing.callback(file.close)
