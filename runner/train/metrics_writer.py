"""Writes a run's rows: to metrics.jsonl, the source of truth, and to the loggers that `logger=` chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results.metrics import RowFiles, read_rows
from results.paths import METRICS, TIMINGS
from runner.loggers.buffered import LoggerCollection


class MetricsWriter:
    """The rows of one run, whose number of bytes a checkpoint remembers."""

    def __init__(
        self, folder: Path, lengths: dict[str, int] | None = None, loggers: LoggerCollection | None = None
    ) -> None:
        """lengths: bytes of each file that count, from the checkpoint; None: start anew. The loggers of a resumed run
        get the rows that count once more."""
        self.files = RowFiles(folder, lengths)
        self.loggers = loggers or LoggerCollection()
        for row in read_rows(folder / METRICS) if lengths else ():
            self.loggers.add(row)

    def add(self, row: dict[str, Any]) -> None:
        self.files.append(METRICS, row)
        self.loggers.add(row)

    def add_timing(self, row: dict[str, Any]) -> None:
        self.files.append(TIMINGS, row)

    def lengths(self) -> dict[str, int]:
        """Make every row durable; return the files' lengths in bytes, for the checkpoint."""
        self.loggers.flush()
        return self.files.lengths()

    def flush(self) -> None:
        self.files.flush()
        self.loggers.flush()

    def close(self) -> None:
        """Close the files; the loggers are closed with the run's status, once its pictures are drawn."""
        self.files.close()


class NullMetricsWriter(MetricsWriter):
    """Writes nothing: for the processes of a run beside the main one."""

    def __init__(self) -> None:
        self.loggers = LoggerCollection()

    def add(self, row: dict[str, Any]) -> None:
        pass

    def add_timing(self, row: dict[str, Any]) -> None:
        pass

    def lengths(self) -> dict[str, int]:
        return {}

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
