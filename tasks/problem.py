"""Base class of the toy problems: a point that minimizes a function, and the function around the point's path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from data.dataset import DataSet
from models.model import Model
from models.point import Point
from results.trajectory import Contour, Plane, Trajectory, Window
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor, nn

Rows = list[dict[str, Any]]


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
        """Raise ValueError if the problem is not of so many coordinates."""

    def trajectory(self, model: nn.Module, rows: Rows) -> Trajectory | None:
        """None where log.every left no steps."""
        return self.trajectory_from(start_of(model), rows) if rows else None

    def trajectory_from(self, start: tuple[float, ...], rows: Rows) -> Trajectory:
        """The data of trajectory.png for a run from `start`. rows: per step, at least one."""
        raise NotImplementedError


def coordinates(model: nn.Module) -> Tensor:
    """The point (coordinates,) of a network that is one."""
    (weight,) = model.parameters()
    return weight.detach()[0]


def start_of(model: nn.Module) -> tuple[float, ...]:
    """The point's coordinates before the first step."""
    return tuple(model.get_buffer("start")[0].tolist())


def contour(plane: Plane, rows: Rows, function: Callable[[Tensor, Tensor], Tensor]) -> Contour:
    """The function's values around the rows' path."""
    import torch

    window = Window.to_store(plane.path(rows), [plane.start, *plane.optimum], plane.equal)
    y, x = torch.meshgrid(torch.from_numpy(window.y), torch.from_numpy(window.x), indexing="ij")
    return Contour(window, function(x, y).numpy(), plane)
