"""Arrays in a run's folder: compressed .npz files that are whole or absent."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.files import read_file, write_atomic

if TYPE_CHECKING:
    import numpy

MAX_BYTES = 2**28


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Replace the file in one step; the same arrays give the same bytes."""
    import numpy

    content = io.BytesIO()
    numpy.savez_compressed(content, **arrays)
    write_atomic(path, content.getvalue())


def read_arrays(path: Path) -> dict[str, numpy.ndarray] | None:
    """The arrays by their names; None where the file is missing, damaged or larger, unpacked, than MAX_BYTES."""
    import zipfile

    import numpy

    try:
        content = io.BytesIO(read_file(path, MAX_BYTES))
        with zipfile.ZipFile(content) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_BYTES:
                return None
        with numpy.load(content, allow_pickle=False) as file:
            return dict(file)
    except (OSError, EOFError, ValueError, TypeError, SyntaxError, MemoryError, zipfile.BadZipFile, zlib.error):
        return None
