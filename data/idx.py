"""The IDX file format of MNIST, plain or gzipped (LeCun, Cortes and Burges, "The MNIST database").

bytes 0-1: zero;  byte 2: element type (0x08: uint8);  byte 3: number of dimensions d
then d big-endian 32-bit sizes, then the elements in row-major order.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

UINT8 = 0x08


def read_bytes(path: Path) -> bytes:
    """A file's content, unpacked if its name ends in .gz; ValueError names a damaged file."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and get it again") from None


def parse_idx(path: Path, content: bytes) -> Tensor:
    """The uint8 array in the content of an IDX file; ValueError names the file and what is wrong with it."""
    import torch

    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UINT8:
        raise ValueError(f"{path} is not an IDX file of unsigned bytes; delete it and get it again")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", content[4:start]) if len(content) >= start else ()
    values = torch.frombuffer(bytearray(content[start:]), dtype=torch.uint8) if len(content) > start else None
    size = 1
    for length in shape:
        size *= length
    if values is None or len(values) != size:
        found = 0 if values is None else len(values)
        raise ValueError(f"{path} is damaged: its header promises {size} bytes, it holds {found}")
    return values.reshape(shape)
