"""Ctrl-C and SIGTERM as a request: the loop finishes its step, saves, and says how to go on."""

from __future__ import annotations

import signal
import threading
from types import FrameType

STOPPED_BY_SIGNAL = 128  # exit codes above it: 130 Ctrl-C, 143 SIGTERM
CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """The run was asked to stop and has saved where it is."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = STOPPED_BY_SIGNAL + number


class StopRequest:
    """While in use, the first signal sets `number`; a second one ends the run without saving.

    passed_on: by torchrun, which sends a terminal's Ctrl-C once more to those that have got it already: nobody is
    impatient, and what has not ended after its 30 s it kills.
    """

    def __init__(self, passed_on: bool = False) -> None:
        self.number = 0
        self.passed_on = passed_on
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no handlers
            self._before = {number: signal.signal(number, self._note) for number in CAUGHT}
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number and not self.passed_on:
            raise KeyboardInterrupt
        self.number = self.number or number

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
