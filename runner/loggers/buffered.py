"""Rows wait in a buffer until their logger writes them; a logger that fails is switched off without harm to the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from results.paths import LOGGERS
from results.run_folder import RunFolder
from runner.loggers.logger import Logger, Row
from runner.loggers.run_info import RunInfo


class BufferedLogger:
    """One logger and the rows that it has not written yet. It is opened by the first flush that has a row."""

    def __init__(self, logger: Logger, print_line: Callable[[str], object], save_state: Callable[[], None]) -> None:
        self.logger, self.print_line, self.save_state = logger, print_line, save_state
        self.buffer: list[Row] = []
        self.is_open = self.is_off = False
        self.last_write = 0.0

    def add(self, row: Row) -> None:
        if not self.is_off:
            self.buffer.append(row)

    def flush(self, now: bool = False) -> None:
        """Write the buffered rows. now: even if the last write is less than the logger's every_s ago."""
        if self.buffer and (now or time.monotonic() - self.last_write >= self.logger.every_s):
            with self.off_on_error():
                self.open()
                self.logger.write(self.buffer)
                self.buffer.clear()
                self.save_state()
            self.last_write = time.monotonic()

    def open(self) -> None:
        if not self.is_open:
            self.logger.open()
            self.is_open = True
            self.save_state()  # at once: after a kill the run goes on in the same entry of the tracker

    def close(self, status: str) -> None:
        """Write what is left and end. Only the first call has an effect."""
        self.flush(now=True)
        if not self.is_off and (self.is_open or status != "interrupted"):
            with self.off_on_error():
                self.open()
                self.logger.close(status)
        self.is_off = True

    @contextmanager
    def off_on_error(self) -> Iterator[None]:
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:  # trackers raise many kinds; Ctrl-C ends a slow one
            self.is_off = True
            self.buffer.clear()
            reason = (str(error).strip().splitlines() or ["(no message)"])[0]
            self.print_line(
                f"logger={self.logger.name} is off: {type(error).__name__}: {reason}; "
                "the run goes on, and metrics.jsonl has every row"
            )


class LoggerCollection:
    """All loggers of a run; none by default."""

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
        """Write the loggers' states to the run folder, where they differ from what was saved last."""
        content = {each.logger.name: dict(each.logger.state) for each in self.loggers if each.logger.state}
        if self.folder and content and content != self.saved:
            self.saved = content
            self.folder.write_json(LOGGERS, {**(self.folder.read_json(LOGGERS) or {}), **content})


def open_loggers(
    classes: Sequence[type[Logger]], info: RunInfo, folder: RunFolder, print_line: Callable[[str], object]
) -> LoggerCollection:
    """The chosen loggers, each with the state that an earlier process of the run has left."""
    found, states = LoggerCollection(folder), folder.read_json(LOGGERS) or {}
    loggers = [each(info, states.get(each.name, {})) for each in classes]
    found.loggers = [BufferedLogger(logger, print_line, found.save_state) for logger in loggers]
    return found
