"""A point instead of a network: what is trained are its coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Point(Model):
    """The output is the point itself, whatever goes in. One weight of shape (1, coordinates): a matrix of one row, so
    that methods which treat matrices differently from biases (AdamP, LARS) take it for a layer's weight.

    start: its coordinates; empty: a random direction of length 1, with as many coordinates as a sample has numbers.
    bounds: (lowest, highest) value of every coordinate, to which it is brought back after each step; None: no bounds.
    """

    name: ClassVar[str] = "point"
    output: ClassVar[Literal["scores", "image", "point"]] = "point"

    start: tuple[float, ...] = field(default=(1.0, 1.0), metadata={"range": "(-inf, inf)"})
    bounds: tuple[float, float] | None = None

    def validate(self) -> None:
        if self.bounds is None:
            return
        low, high = self.bounds
        if not low < high:
            raise ValueError(f"model.bounds=[{low:g},{high:g}] does not rise")
        for i, x in enumerate(self.start):
            if not low <= x <= high:
                raise ValueError(f"model.start[{i}]={x:g} is out of model.bounds=[{low:g},{high:g}]")

    def dimension(self, shape: tuple[int, ...]) -> int:
        """How many coordinates it has where samples have this shape."""
        return len(self.start) or prod(shape)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        import torch

        from models.layers.coordinates import Coordinates

        if self.start:
            start = torch.tensor([self.start])
        else:
            start = torch.nn.functional.normalize(torch.randn(1, prod(shape)))
        return Coordinates(start, self.bounds)
