"""Checkpoint files: written in one step, loaded without executing code."""

from __future__ import annotations

import io
import operator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from results.files import write_atomic


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    It is serialised in memory first: a full disk is then an OSError with its reason and leaves no partial file.
    """
    buffer = io.BytesIO()
    torch.save(copy_views(content), buffer)
    write_atomic(path, buffer.getbuffer(), durable=True)


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


def load(path: Path, device: str = "cpu") -> dict[str, Any] | None:
    """Read a checkpoint with weights_only=True; None if there is none.

    Raises ValueError with the way out if the file is damaged.
    """
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is damaged ({reason}); rerun=true runs from the start") from None
