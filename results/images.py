"""reconstructions.npz of a run: rows of images, such as test images and their reconstructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from results.arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    import numpy

FILE = "reconstructions.npz"


@dataclass(frozen=True)
class ImageGrid:
    """Rows of images by their titles: (images, channels, height, width) each, unsigned bytes, all of one shape."""

    rows: Mapping[str, numpy.ndarray]


def save_images(folder: Path, grid: ImageGrid) -> None:
    """Write reconstructions.npz; the same images give the same bytes."""
    write_arrays(folder / FILE, dict(grid.rows))


def read_images(folder: Path) -> ImageGrid | None:
    """The images of a run's folder; None where there are none, or the file is damaged."""
    rows = read_arrays(folder / FILE)
    if not rows or len({row.shape for row in rows.values()}) > 1 or not all(map(is_row, rows.items())):
        return None
    return ImageGrid(rows)


def is_row(entry: tuple[str, numpy.ndarray]) -> bool:
    """Whether a title and an array are those of a row of images."""
    title, row = entry
    images = row.ndim == 4 and 0 not in row.shape and row.shape[1] in (1, 3) and str(row.dtype) == "uint8"
    return images and title.isprintable()
