"""Linear maps: one layer, and one factored into two."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, ClassVar

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class LinearMap(Model):
    """W x, or W x + b with bias, with PyTorch's initialisation: linear and logistic regression, convex problems."""

    name: ClassVar[str] = "linear_map"

    bias: bool = False

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), classes, bias=self.bias))


@dataclass(frozen=True, kw_only=True)
class MatrixFactorization(Model):
    """W2 W1 x, with `rank` numbers between the two and no biases: a linear map whose loss is not convex.

    rank None: the larger of the sizes of input and output, as in step-back's code (F. Schaipp), where the network comes
    from B. Recht's shallow-linear-net. PyTorch's initialisation.
    """

    name: ClassVar[str] = "matrix_fac"

    rank: int | None = field(default=None, metadata={"range": "[1, inf)"})

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        rank = self.rank or max(prod(shape), classes)
        layers = nn.Linear(prod(shape), rank, bias=False), nn.Linear(rank, classes, bias=False)
        return nn.Sequential(nn.Flatten(), *layers)
