"""Handwritten digits that come with scikit-learn: 1,797 images of 8x8 pixels, no download.

They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998). The
package has no split of its own, so a fifth of a fixed permutation is this project's test set.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet
from data.samples import Part

if TYPE_CHECKING:
    from torch import Tensor

TEST_FRACTION = 0.2
TEST_SEED = 20181  # fixed, so that the test set never depends on a setting


@dataclass(frozen=True, kw_only=True)
class Digits(DataSet):
    """scikit-learn's digits; pixels 0..16 become float32 in [0, 1]."""

    name: ClassVar[str] = "digits"
    val_fraction: float = field(default=0.2, metadata={"range": "(0, 1)"})  # a tenth would be 144 images

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 8, 8)

    @property
    def classes(self) -> int:
        return 10

    def read(self) -> tuple[Part, Part]:
        import torch

        x, y = read_table()
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(TEST_SEED))
        num_test = round(TEST_FRACTION * len(y))
        everything = Part(x, y)
        return everything.take(order[num_test:]), everything.take(order[:num_test])


def read_table() -> tuple[Tensor, Tensor]:
    """Read the table from scikit-learn's folder without importing scikit-learn (which costs 0.7 s)."""
    import numpy
    import torch

    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise FileNotFoundError("data=digits comes with scikit-learn, which is missing: pip install scikit-learn")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.exists():
        raise FileNotFoundError(f"data=digits: this scikit-learn has no {path}; reinstall scikit-learn")
    with gzip.open(path, "rt") as table:
        rows = numpy.array([line.split(",") for line in table], dtype=numpy.float32)
    x = torch.from_numpy(rows[:, :-1] / 16).reshape(-1, 1, 8, 8)
    return x, torch.from_numpy(rows[:, -1].astype(numpy.int64))
