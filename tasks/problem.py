"""What problems without data share: a point that walks over a function, and the function's picture under its path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from models.model import Model
from models.point import Point
from tasks.task import Task

if TYPE_CHECKING:
    import numpy
    from torch import Tensor, nn

    from report.trajectory import Window


@dataclass(frozen=True, kw_only=True)
class Problem(Task):
    """Base of the toy problems. Loss: the function's value minus its least. Metric `distance`: to the optimum."""

    metric: ClassVar[str] = "distance"
    better: ClassVar[Literal["max", "min"]] = "min"
    data: ClassVar[str]  # the data set that counts its steps

    def check(self, data: DataSet, model: Model) -> None:
        if not isinstance(model, Point):
            raise ValueError(f"task={self.name} moves a point; it needs model=point, not model={model.name}")
        if data.name != self.data:
            raise ValueError(f"task={self.name} needs data={self.data}, not data={data.name}")
        self.check_dimension(model.dimension(data.shape), data)

    def check_dimension(self, dimension: int, data: DataSet) -> None:
        """Raise ValueError if a point of so many coordinates is none of this problem's."""


def coordinates(model: nn.Module) -> Tensor:
    """The point (coordinates,) of a network that is one."""
    (weight,) = model.parameters()
    return weight.detach()[0]


def start_of(model: nn.Module) -> tuple[float, ...]:
    """Where it began."""
    return tuple(model.get_buffer("start")[0].tolist())


def heights(window: Window, function: Callable[[Tensor, Tensor], Tensor]) -> numpy.ndarray:
    """The function's values at the window's points, (y, x)."""
    import torch

    y, x = torch.meshgrid(torch.from_numpy(window.y), torch.from_numpy(window.x), indexing="ij")
    return function(x, y).numpy()
