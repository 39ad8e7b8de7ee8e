"""Checkpoint files: written in one step, loaded without executing code."""

from __future__ import annotations

import io
import math
import operator
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from results.files import read_file, write_atomic
from results.values import first_line

RERUN = "rerun=true runs from the start"


def save(path: Path, content: dict[str, Any]) -> int:
    """Write a checkpoint, whole or not at all; return its checksum.

    It is serialised in memory first: a full disk is then an OSError with its reason and leaves no partial file.
    """
    buffer = io.BytesIO()
    torch.save(copy_views(content), buffer)
    write_atomic(path, buffer.getbuffer(), durable=True)
    return zlib.crc32(buffer.getbuffer())


def copy_views(content: Any) -> Any:
    """The same content with tensors that are views of larger storage copied: torch.save writes whole storages, which
    stacked runs share."""
    if isinstance(content, Tensor):
        size = content.numel() * content.element_size()
        return content.clone() if content.untyped_storage().nbytes() > size else content
    if isinstance(content, dict):
        copied = {key: copy_views(value) for key, value in content.items()}
        return content if all(copied[key] is value for key, value in content.items()) else copied
    if isinstance(content, list | tuple):
        items = [copy_views(value) for value in content]
        return content if all(map(operator.is_, items, content)) else type(content)(items)
    return content


def load(path: Path, device: str = "cpu", checksum: int | None = None) -> dict[str, Any] | None:
    """Read a checkpoint with weights_only=True; None if there is none. checksum: that it must have; None: any.

    Raises ValueError with the way out if the file is damaged or another one.
    """
    try:
        content = read_file(path, math.inf)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path.parent}: {error}; {RERUN}") from None
    if checksum is not None and zlib.crc32(content) != checksum:
        raise ValueError(f"{path} is not the file that this run has written; {RERUN}")
    try:
        loaded = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = first_line(error) if str(error) else type(error).__name__
        raise ValueError(f"{path} is damaged ({reason}); {RERUN}") from None
    if not isinstance(loaded, dict):
        raise ValueError(f"{path} is no checkpoint of this program; {RERUN}")
    return loaded
