"""Buffers rows until their logger writes them, and disables a logger that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from results.paths import LOGGERS
from results.records import read_logger_states
from results.run_folder import RunFolder
from results.values import first_line
from runner.loggers.logger import Logger, Row
from runner.loggers.run_info import RunInfo


class BufferedLogger:
    """One logger and its unwritten rows. The first flush that has a row opens it."""

    def __init__(self, logger: Logger, print_line: Callable[[str], object], save_state: Callable[[], None]) -> None:
        self.logger, self.print_line, self.save_state = logger, print_line, save_state
        self.buffer: list[Row] = []
        self.is_open = self.is_disabled = False
        self.last_write = 0.0

    def add(self, row: Row) -> None:
        if not self.is_disabled:
            self.buffer.append(row)

    def flush(self, force: bool = False) -> None:
        """Write the buffered rows. force: even if the last write is less than flush_every_s ago."""
        if self.buffer and (force or time.monotonic() - self.last_write >= self.logger.flush_every_s):
            with self.disable_on_error():
                self.open()
                self.logger.write(self.buffer)
                self.buffer.clear()
                self.save_state()
            self.last_write = time.monotonic()

    def open(self) -> None:
        if not self.is_open:
            self.logger.open()
            self.is_open = True
            self.save_state()  # at once: a killed run resumes the same entry of the tracker

    def close(self, status: str) -> None:
        """Write what is left and close the logger. Only the first call has an effect."""
        self.flush(force=True)
        if not self.is_disabled and (self.is_open or status != "interrupted"):
            with self.disable_on_error():
                self.open()
                self.logger.close(status)
        self.is_disabled = True

    @contextmanager
    def disable_on_error(self) -> Iterator[None]:
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:  # trackers raise many kinds; Ctrl-C ends a slow one
            self.is_disabled = True
            self.buffer.clear()
            self.print_line(
                f"logger={self.logger.name} is disabled: {type(error).__name__}: {first_line(error)}; "
                "the run continues, and metrics.jsonl has every row"
            )


class LoggerCollection:
    """All loggers of a run; none by default. folder: where their states are saved."""

    def __init__(self, folder: RunFolder | None = None) -> None:
        self.folder = folder
        self.loggers: list[BufferedLogger] = []
        self.saved: dict[str, Any] = {}

    def add(self, row: Row) -> None:
        for each in self.loggers:
            each.add(row)

    def flush(self) -> None:
        for each in self.loggers:
            each.flush()

    def close(self, status: str) -> None:
        for each in self.loggers:
            each.close(status)

    def save_state(self) -> None:
        """Write the loggers' states to loggers.json if they have changed."""
        content = {each.logger.name: dict(each.logger.state) for each in self.loggers if each.logger.state}
        if self.folder and content and content != self.saved:
            self.saved = content
            self.folder.write_json(LOGGERS, {**read_logger_states(self.folder.path), **content})


def open_loggers(
    classes: Sequence[type[Logger]], info: RunInfo, folder: RunFolder, print_line: Callable[[str], object]
) -> LoggerCollection:
    """The loggers of a run, with the states that an earlier process of it has saved."""
    collection, states = LoggerCollection(folder), read_logger_states(folder.path)
    loggers = [each(info, states.get(each.name, {})) for each in classes]
    collection.loggers = [BufferedLogger(logger, print_line, collection.save_state) for logger in loggers]
    return collection
