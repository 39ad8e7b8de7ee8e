"""Standard output and error that can't make a program fail: closed, full, of another encoding, or a pipe that ended."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any


class TolerantStream:
    """A text stream whose writes and flushes are lost where it fails."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()


def tolerate_streams() -> None:
    """Make this process's standard output and error tolerant; to be called once, before a file is opened.

    Characters that the encoding lacks are written as escapes.
    """
    for number in range(3):  # a file that is opened would get the number of a closed stream, and its output
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, TolerantStream(stream))
