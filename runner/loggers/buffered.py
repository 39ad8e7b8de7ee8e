"""From a run to its sinks: rows wait in a list, and a sink that fails is switched off without harm to the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from results.run_folder import RunFolder
from runner.config.registry import entries
from runner.config.schema import Config
from runner.loggers.logger import Row, Sink
from runner.loggers.run_info import about

FILE = "sinks.json"  # in the run's folder: what sinks want to find again, such as the run's id in a tracker


class Feed:
    """The way to one sink. It is opened by the first flush that has something for it."""

    def __init__(self, sink: Sink, say: Callable[[str], object], save: Callable[[], None]) -> None:
        self.sink, self.say, self.save = sink, say, save
        self.waiting: list[Row] = []
        self.opened = self.off = False
        self.written = 0.0

    def add(self, row: Row) -> None:
        if not self.off:
            self.waiting.append(row)

    def flush(self, now: bool = False) -> None:
        """Write what waits. now: even if the last write is less than the sink's every_s ago."""
        if self.waiting and (now or time.monotonic() - self.written >= self.sink.every_s):
            with self.guarded():
                self.open()
                self.sink.write(self.waiting)
                self.waiting.clear()
                self.save()
            self.written = time.monotonic()

    def open(self) -> None:
        if not self.opened:
            self.sink.open()
            self.opened = True
            self.save()  # at once: after a kill the run goes on in the same entry

    def close(self, ending: str) -> None:
        """Write what is left and end. Only the first call counts."""
        self.flush(now=True)
        if not self.off and (self.opened or ending != "interrupted"):
            with self.guarded():
                self.open()
                self.sink.close(ending)
        self.off = True

    @contextmanager
    def guarded(self) -> Iterator[None]:
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:  # a tracker's many kinds; or nobody wants to wait for it
            self.off = True
            self.waiting.clear()
            reason = (str(error).strip().splitlines() or ["(no message)"])[0]
            self.say(
                f"logger={self.sink.name} is off: {type(error).__name__}: {reason}; "
                "the run goes on, and metrics.jsonl has every row"
            )


class Sinks:
    """All sinks of a run; none by default."""

    def __init__(self, folder: RunFolder | None = None) -> None:
        self.folder = folder
        self.feeds: list[Feed] = []
        self.kept: dict[str, Any] = {}

    def add(self, row: Row) -> None:
        for feed in self.feeds:
            feed.add(row)

    def flush(self) -> None:
        for feed in self.feeds:
            feed.flush()

    def close(self, ending: str) -> None:
        for feed in self.feeds:
            feed.close(ending)

    def save(self) -> None:
        content = {feed.sink.name: dict(feed.sink.kept) for feed in self.feeds if feed.sink.kept}
        if self.folder and content and content != self.kept:
            self.kept = content
            self.folder.write_json(FILE, {**(self.folder.read_json(FILE) or {}), **content})


def sinks(config: Config, folder: RunFolder, say: Callable[[str], object]) -> Sinks:
    """Those that `logger` names."""
    found, kept = Sinks(folder), folder.read_json(FILE) or {}
    chosen: Sequence[str] = config.settings.logger
    if chosen:
        told = about(config, folder)
        known = entries("logger")
        found.feeds = [Feed(known[name](told, kept.get(name, {})), say, found.save) for name in chosen]
    return found
