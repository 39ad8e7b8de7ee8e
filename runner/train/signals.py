"""Ctrl-C and SIGTERM as a request to stop: the loop finishes its step, saves a checkpoint and exits.

Three answers to a signal, in the order in which a command comes to them:
    end_at_once()                    ends the process: while modules are imported and the command is read
    StopRequest().raising()          raises Interrupted: while data are loaded, before there is anything to save
    StopRequest()                    sets `number`, for which the loop looks after each step

A terminal's Ctrl-C and some schedulers signal every process of a command, not the first one only. A process that does
its part for another one ignores signals (`ignored_signals`, or `with blocked_signals()` from its first instruction on)
and ends with that one.

On Windows only Ctrl-C arrives: there, terminating a process ends it at once, and its run resumes from the last
checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

STOPPED_BY_SIGNAL = 128  # exit codes above it: 130 after Ctrl-C, 143 after SIGTERM
HANDLED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The run was asked to stop, and all that was to be saved is. Like KeyboardInterrupt no Exception: it can be raised
    anywhere while data are loaded, and no handler of errors is to take it for one."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = STOPPED_BY_SIGNAL + number


class StopRequest:
    """Context manager in which the first signal sets `number`, a second raises KeyboardInterrupt, and a third ends the
    process. A signal inside a nested StopRequest is one to the outer as well.

    number: the signal's number; 0: none so far. forwarded: another process, such as torchrun, forwards the signals that
    it gets, so that one of a whole group of processes arrives twice; only the first one then counts. torchrun itself
    kills a process that has not ended after 30 s.
    """

    current: StopRequest | None = None  # the innermost one of this process

    def __init__(self, forwarded: bool = False) -> None:
        self.number = 0
        self.forwarded = forwarded
        self.is_raising = self.is_repeated = False
        self.outer: StopRequest | None = None
        self._previous_handlers: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # Python sets handlers in no other thread
            self.outer, StopRequest.current = StopRequest.current, self
            if self.outer:
                self.forwarded, self.number = self.forwarded or self.outer.forwarded, self.outer.number
            self._previous_handlers = {number: signal.signal(number, self._handle) for number in HANDLED}
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self._record(number)
            if self.is_raising:
                raise Interrupted(number)
        elif not self.forwarded:
            if self.is_repeated:
                end_process(number, None)
            self.is_repeated = True
            raise KeyboardInterrupt

    def _record(self, number: int) -> None:
        self.number = self.number or number
        if self.outer:
            self.outer._record(number)

    @contextlib.contextmanager
    def raising(self, several_processes: bool = False) -> Iterator[None]:
        """Raise Interrupted as soon as a signal arrives, or if one has arrived before.

        several_processes: of this run; end the process instead, as no other could go on without this one.
        """
        if self.number:
            raise Interrupted(self.number)
        with contextlib.ExitStack() as handlers:
            if several_processes:  # by the system: a process that waits for the others runs no handler of Python's
                handlers.enter_context(handling(signal.SIG_DFL))
            handlers.enter_context(swallowed_interruptions())
            self.is_raising = True
            try:
                yield
            finally:
                self.is_raising = False
        if self.number:  # it was raised where Python lets no exception out, such as a weak reference's callback
            raise Interrupted(self.number)

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._previous_handlers:
            StopRequest.current = self.outer


def request_stop(number: int) -> None:
    """Send this process a signal, from a thread: what the main thread waits for is interrupted."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)  # and not os.kill, which on Windows ends a process at once


def end_at_once() -> None:
    """End the process by the first signal from here on, with its exit code and without a traceback."""
    for number in HANDLED:
        signal.signal(number, end_process)


def end_process(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(STOPPED_BY_SIGNAL + number)


def ignore_signals() -> None:
    """Leave signals to the process that this one works for; those that `blocked_signals` held back are dropped."""
    for number in HANDLED:
        signal.signal(number, signal.SIG_IGN)
    unblock_signals()


@contextlib.contextmanager
def handling(handler: signal.Handlers) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number in HANDLED}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


@contextlib.contextmanager
def swallowed_interruptions() -> Iterator[None]:
    """Print no traceback of an Interrupted that can't be raised where the signal arrived."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda raised: None if raised.exc_type is Interrupted else hook(raised)
    try:
        yield
    finally:
        sys.unraisablehook = hook


@contextlib.contextmanager
def blocked_signals() -> Iterator[None]:
    """Hold signals back. A process that is started inside keeps them blocked, from its first instruction on, until it
    calls unblock_signals or ignore_signals."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock_signals() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
