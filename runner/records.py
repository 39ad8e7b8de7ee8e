"""The record of a run: rows of metrics.jsonl (the source of truth), the same in TensorBoard, and timings.jsonl.

A row holds means over samples:
    {"split": "train", "epoch": 3, "step": 600, "loss": 0.21, "acc": 0.94, "lr": 0.1, "per": "epoch"}
`per` is "epoch" for the mean over an epoch and "step" for the mean over the steps since the last such row.
Test rows say which `weights` were tested, "best" or "last".

metrics.jsonl holds no clock, so that a resumed run's file equals an undisturbed run's to the byte; seconds after
each epoch are in timings.jsonl. TensorBoard's file is a picture of metrics.jsonl: a resumed run draws it anew from
the rows that count, which leaves neither duplicates nor gaps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report.runs import read_rows, value_keys

METRICS, TIMINGS = "metrics.jsonl", "timings.jsonl"


class Records:
    """Append-only rows with a length that a checkpoint remembers.

    hparams: flat hyper-parameters for TensorBoard's HParams tab, which shows them beside the `values` of validation
    and test; None for no TensorBoard at all.
    """

    def __init__(
        self,
        folder: Path,
        hparams: dict[str, Any] | None,
        lengths: dict[str, int] | None,
        values: Sequence[str] = ("loss",),
    ) -> None:
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
        self.board = None if hparams is None else Board(folder, hparams, values)
        if self.board and lengths:
            for row in read_rows(folder / METRICS):
                self.board.add(row)

    def add(self, row: dict[str, Any]) -> None:
        self._append(METRICS, row)
        if self.board:
            self.board.add(row)

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
        if self.board:
            self.board.flush()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            for file in self.files.values():
                file.close()
            if self.board:
                self.board.close()


class Board:
    """TensorBoard's event file, opened at the first flush: its import need not delay the first training step."""

    def __init__(self, folder: Path, hparams: dict[str, Any], values: Sequence[str]) -> None:
        self.folder, self.hparams, self.values = folder, hparams, values
        self.waiting: list[dict[str, Any]] = []
        self.writer: Any = None
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()

    def add(self, row: dict[str, Any]) -> None:
        self.waiting.append(row)

    def flush(self) -> None:
        if not self.waiting:
            return
        if self.writer is None:
            self.writer = self._open()
        for row in self.waiting:
            prefix = tag(row)
            for key in value_keys(row):
                self.writer.add_scalar(f"{prefix}/{key}", row[key], row["step"])
            if prefix == "train":
                self.writer.add_scalar("lr", row["lr"], row["step"])
                self.writer.add_scalar("epoch", row["epoch"], row["step"])
        self.waiting.clear()
        self.writer.flush()

    def _open(self) -> Any:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        writer = SummaryWriter(str(self.folder))
        metrics = {f"{split}/{key}": 0.0 for split in ("val", "test") for key in self.values}
        experiment, session, _ = hparams(self.hparams, metrics)
        file_writer = writer._get_file_writer()  # add_hparams would put its own run beside this one
        file_writer.add_summary(experiment)
        file_writer.add_summary(session)
        return writer

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def tag(row: dict[str, Any]) -> str:
    """TensorBoard's prefix: train, train_step, val, test or test_last."""
    if row.get("per") == "step":
        return f"{row['split']}_step"
    return f"{row['split']}_last" if row.get("weights") == "last" else row["split"]


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings as `a.b.c: value`, lists as text: what the HParams tab can show."""
    if isinstance(node, dict):
        found: dict[str, Any] = {}
        for key, value in node.items():
            found |= flat(value, f"{prefix}.{key}" if prefix else key)
        return found
    return {prefix: node if isinstance(node, int | float | str | bool) else str(node)}
