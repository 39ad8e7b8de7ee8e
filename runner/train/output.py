"""Printing where there is no run's Console."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO


def print_line(text: str, stream: TextIO | None = None) -> None:
    """Print and flush; a stream that is closed, full or a pipe that has ended (`| head`) is no error."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=stream or sys.stdout, flush=True)
