"""Files that are written whole or not at all, and read only where they are plain files of a sensible size."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 2**24  # of a configuration, a status or an environment


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


def read_file(path: Path, max_bytes: float = MAX_BYTES) -> bytes:
    """A file's content. Raises OSError where it can't be read, and ValueError for what is no plain file or longer."""
    if problem := find_file_problem(path, max_bytes):
        raise ValueError(problem)
    return path.read_bytes()


def find_file_problem(path: Path, max_bytes: float = math.inf) -> str:
    """Why a file is not to be opened: a pipe would wait for ever, a sparse file fill the memory. Empty if it may be.

    Raises OSError where it is missing or can't be reached.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return f"{path.name} is {'a folder' if stat.S_ISDIR(found.st_mode) else 'a pipe or device'}, not a file"
    if found.st_size > max_bytes:
        return f"{path.name} has {found.st_size:,} bytes, more than {max_bytes:,}"
    return ""


def parse_json(content: bytes, name: str) -> Any:
    """The value of JSON text, in which NaN and Infinity are no numbers. Raises ValueError, which calls it by `name`."""
    try:
        return json.loads(content, parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError(f"{name} is damaged (nested too deeply)") from None
    except ValueError as error:  # neither UTF-8 nor JSON
        raise ValueError(f"{name} is damaged ({error})") from None


def refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
