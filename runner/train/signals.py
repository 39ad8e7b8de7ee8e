"""Ctrl-C and SIGTERM as a request to stop: the loop finishes its step, saves a checkpoint and exits.

On Windows only Ctrl-C arrives: there, terminating a process ends it at once, and its run resumes from the last
checkpoint.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

STOPPED_BY_SIGNAL = 128  # exit codes above it: 130 after Ctrl-C, 143 after SIGTERM
HANDLED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """The run was asked to stop and has saved a checkpoint."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = STOPPED_BY_SIGNAL + number


class StopRequest:
    """Context manager in which the first signal sets `number`, and a second one raises KeyboardInterrupt.

    number: the signal's number; 0: none so far. forwarded: torchrun forwards signals, so a terminal's Ctrl-C arrives
    twice; the second one is then ignored. torchrun itself kills a process that has not ended after 30 s.
    """

    def __init__(self, forwarded: bool = False) -> None:
        self.number = 0
        self.forwarded = forwarded
        self._previous_handlers: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # Python sets handlers in no other thread
            self._previous_handlers = {number: signal.signal(number, self._handle) for number in HANDLED}
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number and not self.forwarded:
            raise KeyboardInterrupt
        self.number = self.number or number

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
