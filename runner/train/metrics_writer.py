"""Writes a run's rows: to metrics.jsonl, the complete record, and to the loggers that `logger=` chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results.metrics import RowFiles, read_rows
from results.paths import METRICS, TIMINGS
from runner.loggers.buffered import LoggerCollection


class MetricsWriter:
    """The row files and loggers of one run. A checkpoint holds the files' lengths in bytes."""

    def __init__(
        self, folder: Path, lengths: dict[str, int] | None = None, loggers: LoggerCollection | None = None
    ) -> None:
        """lengths: bytes of each file at the checkpoint; None: start with empty files. In a resumed run the loggers get
        the rows up to the checkpoint again."""
        self.files = RowFiles(folder, lengths)
        self.loggers = loggers or LoggerCollection()
        for row in read_rows(folder / METRICS) if lengths else ():
            self.loggers.add(row)

    def add(self, row: dict[str, Any]) -> None:
        self.files.append(METRICS, row)
        self.loggers.add(row)

    def add_timing(self, epoch: int, step: int, seconds: dict[str, float]) -> None:
        """Write a row of timings.jsonl. seconds: since the run's start, by kind."""
        rounded = {f"{kind}_s": round(value, 4) for kind, value in seconds.items()}
        self.files.append(TIMINGS, {"epoch": epoch, "step": step, **rounded})

    def lengths(self) -> dict[str, int]:
        """Make every row durable; return the files' lengths in bytes, for the checkpoint."""
        self.loggers.flush()
        return self.files.lengths()

    def flush(self) -> None:
        self.files.flush()
        self.loggers.flush()

    def close(self) -> None:
        """Close the files. The loggers are closed later, with the run's final status."""
        self.files.close()


class NullMetricsWriter(MetricsWriter):
    """Writes nothing: for the processes other than the main one."""

    def __init__(self) -> None:
        self.loggers = LoggerCollection()

    def add(self, row: dict[str, Any]) -> None:
        pass

    def add_timing(self, epoch: int, step: int, seconds: dict[str, float]) -> None:
        pass

    def lengths(self) -> dict[str, int]:
        return {}

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
