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
    if not rows or len({row.shape for row in rows.values()}) > 1 or any(row.ndim != 4 for row in rows.values()):
        return None
    return ImageGrid(rows)
