"""Made-up classes of any shape: noisy copies of one random pattern a class. For tests, timings and large grids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from data.dataset import DataSet
from data.samples import Part


@dataclass(frozen=True, kw_only=True)
class Synthetic(DataSet):
    """x = clip(pattern[y] + noise * N(0, 1), 0, 1), patterns uniform in [0, 1], y uniform over the classes.

    Learnable by construction: with noise 0.3 and 64 or more pixels a linear classifier finds the patterns.
    The samples depend on `data_seed` alone, not on the run's `seed`.
    """

    name: ClassVar[str] = "synthetic"

    sample_shape: tuple[int, ...] = field(default=(1, 8, 8), metadata={"range": "[1, inf)"})
    num_classes: int = field(default=10, metadata={"range": "[2, inf)"})
    num_train: int = field(default=2000, metadata={"range": "[2, inf)"})  # training and validation together
    num_test: int = field(default=500, metadata={"range": "[1, inf)"})
    noise: float = field(default=0.3, metadata={"range": "[0, inf)"})
    data_seed: int = field(default=0, metadata={"range": "[0, inf)"})

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.sample_shape)

    @property
    def classes(self) -> int:
        return self.num_classes

    def validate(self) -> None:
        super().validate()
        if len(self.sample_shape) != 3:
            raise ValueError(f"data.sample_shape={list(self.sample_shape)} is not [channels, height, width]")

    def read(self) -> tuple[Part, Part]:
        import torch

        generator = torch.Generator().manual_seed(self.data_seed)
        patterns = torch.rand(self.num_classes, *self.shape, generator=generator)

        def draw(n: int) -> Part:
            y = torch.randint(self.num_classes, (n,), generator=generator)
            x = patterns[y].add_(torch.randn(n, *self.shape, generator=generator), alpha=self.noise)
            return Part(x.clamp_(0, 1), y)

        return draw(self.num_train), draw(self.num_test)
