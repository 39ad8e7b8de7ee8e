"""What problems without data share: a point that walks over a function, and the function's picture under its path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from data.dataset import DataSet
from models.model import Model
from models.point import Point
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor, nn

    from report.insight.scene import Chart, Plane, Scene

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
        """Raise ValueError if a point of so many coordinates is none of this problem's."""

    def trace(self, model: nn.Module, folder: Path) -> None:
        """Save trajectory.png, and scene.npz for pictures of several runs; nothing where log.every left no steps."""
        from report.insight.scene import save_scene
        from report.insight.trajectory import read_steps

        if rows := read_steps(folder):
            scene = self.scene(start_of(model), rows)
            save_scene(folder, scene)
            self.draw(folder, rows, scene)

    def scene(self, start: tuple[float, ...], rows: Rows) -> Scene:
        """What there is to draw of a run."""
        raise NotImplementedError

    def draw(self, folder: Path, rows: Rows, scene: Scene) -> None:
        """Save trajectory.png."""
        from report.insight.trajectory import draw_scene

        draw_scene(folder, rows, scene)


def coordinates(model: nn.Module) -> Tensor:
    """The point (coordinates,) of a network that is one."""
    (weight,) = model.parameters()
    return weight.detach()[0]


def start_of(model: nn.Module) -> tuple[float, ...]:
    """Where it began."""
    return tuple(model.get_buffer("start")[0].tolist())


def plane(chart: Chart, rows: Rows, function: Callable[[Tensor, Tensor], Tensor]) -> Plane:
    """The function's values around the rows' path."""
    import torch

    from report.insight.scene import Plane, Window

    window = Window.to_store(chart.path(rows), [chart.start, *chart.optimum], chart.equal)
    y, x = torch.meshgrid(torch.from_numpy(window.y), torch.from_numpy(window.x), indexing="ij")
    return Plane(window, function(x, y).numpy(), chart)
