"""Play against linear functions on an interval: how much worse than the best fixed point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet
from data.toys import Slopes
from models.model import Model
from models.point import Point
from results.trajectory import Series, Trajectory
from tasks.problem import Problem, Rows, coordinates

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Regret(Problem):
    """Loss: c x - c best, a step's regret, with c the slope that data=slopes has for it and best = -1 the point of
    [-1, 1] where the slopes' sum is least; a single step's can be negative. Metric `distance`: |x - best|.

    Source: Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, section 3 and figure 1, where
    Adam's x goes to +1, the worst point of all.
    """

    objective: ClassVar[str] = "regret"
    data: ClassVar[str] = "slopes"

    best: float = field(default=-1.0, metadata={"range": "(-inf, inf)"})

    def check(self, data: DataSet, model: Model) -> None:
        super().check(data, model)
        if not (isinstance(data, Slopes) and isinstance(model, Point)):
            return  # refused above
        if model.bounds is None or model.dimension(data.shape) != 1:
            raise ValueError(f"task={self.name} needs model.bounds, such as [-1,1], and one coordinate in model.start")
        total = data.rare + (data.period - 1) * data.common
        best = model.bounds[0] if total > 0 else model.bounds[1]
        if self.best != best:
            raise ValueError(
                f"task.best={self.best:g}: the slopes of a period add up to {total:g}, so the best point of "
                f"model.bounds=[{model.bounds[0]:g},{model.bounds[1]:g}] is {best:g}"
            )

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (x.flatten() * (output[0, 0] - self.best)).mean()

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (output[0, 0] - self.best).abs() * len(y)

    def observe(self, model: nn.Module) -> dict[str, Tensor]:
        return {"x": coordinates(model)[0]}

    def trajectory_from(self, start: tuple[float, ...], rows: Rows) -> Trajectory:
        """x step by step, and the average regret."""
        x = Series("x", "x", start[0], "noisy", optimum=self.best)
        return Trajectory([x, Series("loss", "regret per step so far", None, "mean", optimum=0.0)])
