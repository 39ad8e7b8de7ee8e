"""Printing where there is no run's Console."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

live_line: tqdm | None = None  # at the terminal's bottom, while a sweep shows one


def print_line(text: str, stream: TextIO | None = None) -> None:
    """Print and flush; a stream that is closed, full or a pipe that has ended (`| head`) is no error."""
    with contextlib.suppress(OSError, ValueError):
        if live_line is not None:
            live_line.write(text, file=stream or sys.stdout)
        else:
            print(text, file=stream or sys.stdout, flush=True)
