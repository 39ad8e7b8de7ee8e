"""Samples that are vectors of numbers, with targets that are numbers: for regression and binary logistic loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet
from data.samples import Part

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True, kw_only=True)
class Features(DataSet):
    """Base: inputs (n, 1, 1, features), targets float32 (n,) or (n, outputs); `classes` counts a target's numbers."""

    has_classes: ClassVar[bool] = False
    unit_range: ClassVar[bool] = False

    def validate(self) -> None:
        super().validate()
        if self.normalize or self.augment != "none":
            raise ValueError(f"data={self.name} has no images: leave data.normalize and data.augment out")


def part_of(x: numpy.ndarray, y: numpy.ndarray) -> Part:
    """Samples of features (n, features)."""
    import torch

    inputs, targets = (torch.from_numpy(values.astype("float32")) for values in (x, y))
    return Part(inputs.reshape(len(x), 1, 1, -1), targets)
