"""Descend a quadratic: how fast along directions of high and low curvature."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet
from results.trajectory import Plane, Series, Trajectory
from tasks.problem import Problem, Rows, contour, coordinates

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Quadratic(Problem):
    """f(x) = 1/2 sum_i eigenvalues_i x_i^2; the condition number is the ratio of the largest and the least.

    Records the coordinates x0, x1, ... of every step: the distances along the eigenvectors, with their signs.
    Source: the quadratics of Lucas, Sun, Zemel and Grosse, "Aggregated Momentum", ICLR 2019, figures 1 to 3; the
    eigenvalues of figure 1 are not in its text and ours are our choice.
    """

    objective: ClassVar[str] = "quadratic"
    data: ClassVar[str] = "steps"

    eigenvalues: tuple[float, ...] = field(default=(1.0, 0.1, 0.01, 0.001), metadata={"range": "(0, inf)"})

    def check_dimension(self, dimension: int, data: DataSet) -> None:
        if dimension != len(self.eigenvalues):
            raise ValueError(
                f"task.eigenvalues={list(self.eigenvalues)} are {len(self.eigenvalues)}, model.start has {dimension} "
                "coordinates; give each coordinate its eigenvalue"
            )

    def height(self, points: Tensor) -> Tensor:
        """Of points (..., coordinates)."""
        import torch

        # at every step, so the copy to a GPU must not wait for it
        eigenvalues = torch.tensor(self.eigenvalues, dtype=points.dtype).to(points.device, non_blocking=True)
        return (points.square() * eigenvalues).sum(-1) / 2

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.height(output[0])

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return output[0].norm() * len(y)

    def observe(self, model: nn.Module) -> dict[str, Tensor]:
        return {f"x{i}": x for i, x in enumerate(coordinates(model).unbind())}

    def trajectory_from(self, start: tuple[float, ...], rows: Rows) -> Trajectory:
        """The distance along each eigenvector, step by step, and of two the path."""
        import torch

        distances = [
            Series(f"x{i}", "distance along the eigenvector", x, "magnitude", f"eigenvalue {eigenvalue:g}")
            for i, (eigenvalue, x) in enumerate(zip(self.eigenvalues, start, strict=True))
        ]
        if len(start) != 2:
            return Trajectory(distances)
        one, other = (f"coordinate of eigenvalue {eigenvalue:g}" for eigenvalue in self.eigenvalues)
        plane = Plane(("x0", "x1"), (one, other), start, [(0.0, 0.0)], log_levels=True)
        return Trajectory(distances, contour(plane, rows, lambda x, y: self.height(torch.stack((x, y), -1))))
