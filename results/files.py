"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_atomic(path: Path, content: bytes | memoryview, durable: bool = False) -> None:
    """Replace a file in one step: a reader, or a later run, sees the old or the new content, never a part of it.

    durable: the content survives a power cut once this returns (fsync of the file and, where the system has it, of
    its folder).
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # two sweeps of the same runs write one table
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable and os.name != "nt":  # Windows has no handle on a folder
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomic(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """A file's JSON object; None where the file is missing or damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):  # ValueError: neither UTF-8 nor JSON
        return None
    return content if isinstance(content, dict) else None
