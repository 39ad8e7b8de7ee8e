"""Arrays in a run's folder: compressed .npz files that are whole or absent."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.files import write_atomic

if TYPE_CHECKING:
    import numpy


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Replace the file in one step; the same arrays give the same bytes."""
    import numpy

    content = io.BytesIO()
    numpy.savez_compressed(content, **arrays)
    write_atomic(path, content.getvalue())


def read_arrays(path: Path) -> dict[str, numpy.ndarray] | None:
    """The arrays by their names; None where the file is missing or damaged."""
    import zipfile

    import numpy

    try:
        with numpy.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return dict(file)
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile):
        return None
