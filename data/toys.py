"""Samples for problems that have no data: every training sample is one step, in order.

Validation and test are what the problem is about without the steps' noise, so that both say how far the point is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from data.dataset import DataSet
from data.samples import Part

COUNT = {"range": "[1, inf)"}


@dataclass(frozen=True, kw_only=True)
class Toy(DataSet):
    """Base of the toys: all of their samples train, in their order."""

    has_classes: ClassVar[bool] = False

    split: Literal["random", "first", "test"] = "test"
    shuffle: bool = False

    @property
    def classes(self) -> int:
        return 0

    def validate(self) -> None:
        super().validate()
        if self.split != "test" or self.normalize or self.augment != "none":
            raise ValueError(f"data={self.name} has no images: leave data.split, data.normalize and data.augment out")


@dataclass(frozen=True, kw_only=True)
class Steps(Toy):
    """x = 0, once a step: for a function that is the same at every step."""

    name: ClassVar[str] = "steps"

    num_steps: int = field(default=10, metadata=COUNT)  # an epoch

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, 1)

    def read(self) -> tuple[Part, Part]:
        import torch

        def zeros(n: int) -> Part:
            return Part(torch.zeros(n, *self.shape), torch.zeros(n, dtype=torch.int64))

        return zeros(self.num_steps), zeros(1)


@dataclass(frozen=True, kw_only=True)
class Directions(Toy):
    """x = e + noise N(0, I/dim), with e the first axis; the sample of validation and test is e itself."""

    name: ClassVar[str] = "directions"

    num_steps: int = field(default=10, metadata=COUNT)  # an epoch, with batch_size=1
    dim: int = field(default=2, metadata={"range": "[2, inf)"})
    noise: float = field(default=0.0, metadata={"range": "[0, inf)"})  # the noise's length, beside e's of 1
    data_seed: int = field(default=0, metadata={"range": "[0, inf)"})

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, self.dim)

    def read(self) -> tuple[Part, Part]:
        import torch

        generator = torch.Generator().manual_seed(self.data_seed)
        axis = torch.eye(1, self.dim).reshape(1, *self.shape)
        noise = torch.randn(self.num_steps, *self.shape, generator=generator)
        x = axis + noise * (self.noise / self.dim**0.5)
        return Part(x, torch.zeros(len(x), dtype=torch.int64)), Part(axis, torch.zeros(1, dtype=torch.int64))


@dataclass(frozen=True, kw_only=True)
class Slopes(Toy):
    """x = the slope of each step's linear function: `rare` once in `period` steps, first, and `common` else.

    1010 and -10 are those of Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, section 3:
    rare in every 101st step, or with probability 0.01. Deviation: the second is data.shuffle=true with a period of
    100 here, draws without replacement within an epoch, of which exactly a hundredth are rare. With draws of their own,
    so short a run as ours would be decided by how many of them happen to be rare.
    Validation and test are one period.
    """

    name: ClassVar[str] = "slopes"

    rare: float = 1010.0
    common: float = -10.0
    period: int = field(default=101, metadata=COUNT)
    num_periods: int = field(default=10, metadata=COUNT)  # an epoch

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, 1)

    def read(self) -> tuple[Part, Part]:
        import torch

        period = torch.full((self.period, *self.shape), self.common)
        period[0] = self.rare
        x = period.repeat(self.num_periods, 1, 1, 1)
        return Part(x, torch.zeros(len(x), dtype=torch.int64)), Part(
            period, torch.zeros(self.period, dtype=torch.int64)
        )
