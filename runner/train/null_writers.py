"""What the processes beside the first have for a run's folder and its records: they read, and write nothing."""

from __future__ import annotations

from typing import Any

from results.run_folder import RunFolder
from runner.loggers.buffered import Sinks
from runner.train.metrics_writer import Records


class ReadFolder(RunFolder):
    """The folder that the first process has opened."""

    def open(self) -> None:
        pass

    def clear(self) -> None:
        pass

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        pass

    def write_text(self, name: str, content: str) -> None:
        pass


class NoRecords(Records):
    def __init__(self) -> None:
        self.files = {}
        self.sinks = Sinks()

    def _append(self, name: str, row: dict[str, Any]) -> None:
        pass
