"""Checkpoints: everything that decides the rest of a run, written in one step, safe to load."""

from __future__ import annotations

import io
import operator
from pathlib import Path
from typing import Any

from results.files import write_atomic


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint that is whole or absent. Serialised in memory first: a full disk is then an OSError
    with its reason, and never a half-written file."""
    import torch

    buffer = io.BytesIO()
    torch.save(apart(content), buffer)
    write_atomic(path, buffer.getbuffer(), durable=True)


def apart(content: Any) -> Any:
    """The same content without what its tensors are views of: torch.save would write a whole stack for each run."""
    from torch import Tensor

    if isinstance(content, Tensor):
        own = content.numel() * content.element_size()
        return content.clone() if content.untyped_storage().nbytes() > own else content
    if isinstance(content, dict):
        own = {key: apart(value) for key, value in content.items()}
        return content if all(own[key] is value for key, value in content.items()) else own
    if isinstance(content, list | tuple):
        items = [apart(value) for value in content]
        return content if all(map(operator.is_, items, content)) else type(content)(items)
    return content


def load(path: Path, device: str = "cpu") -> dict[str, Any] | None:
    """Read a checkpoint without executing anything in it (weights_only); None if there is none.

    Raises ValueError, with what to do, if the file is not a whole checkpoint.
    """
    import torch

    if not path.exists():
        return None
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch raises many kinds for a file that is no whole checkpoint
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is damaged ({reason}); rerun=true runs from the start") from None
