"""Align a vector with a direction: a scale-invariant function, under which the vector's norm grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet
from results.trajectory import Plane, Series, Trajectory
from tasks.problem import Problem, Rows, contour, coordinates

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Cosine(Problem):
    """f(w) = (1 - cos(w, x))^power, mean over the samples x, which are the directions of data=directions. Metric
    `angle`: between w and x, in radians.

    Records `norm`, ||w||, and in two dimensions the coordinates x0 and x1.
    Source: the two-dimensional toy of the project page of Heo et al., "AdamP", ICLR 2021, whose text has -cos(w, x) and
    whose videos print the losses of power 2. The gradient is orthogonal to w, so every step lengthens w and shortens
    the next one's turn.
    """

    objective: ClassVar[str] = "cosine"
    metric: ClassVar[str] = "angle"
    data: ClassVar[str] = "directions"

    power: int = field(default=1, metadata={"range": "[1, inf)"})

    def check_dimension(self, dimension: int, data: DataSet) -> None:
        if dimension != data.shape[-1]:
            raise ValueError(f"model.start has {dimension} coordinates, and data.dim={data.shape[-1]} directions")

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        from torch.nn.functional import cosine_similarity

        return (1 - cosine_similarity(output, x.flatten(1))).pow(self.power).mean()

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """By half the angle's tangent, which is exact for small angles too (Kahan)."""
        from torch.nn.functional import normalize

        w, x = normalize(output), normalize(x.flatten(1))
        return 2 * ((w - x).norm(dim=1)).atan2((w + x).norm(dim=1)).sum()

    def observe(self, model: nn.Module) -> dict[str, Tensor]:
        w = coordinates(model)
        places = {"x0": w[0], "x1": w[1]} if len(w) == 2 else {}
        return {**places, "norm": w.norm()}

    def trajectory_from(self, start: tuple[float, ...], rows: Rows) -> Trajectory:
        """The norm step by step, and in two dimensions the path."""
        length = [Series("norm", "length of w", hypot(*start))]
        if len(start) != 2:
            return Trajectory(length)
        names, ray = ("first coordinate of w", "second coordinate of w"), ((0.0, 0.0), (1.0, 0.0))
        plane = Plane(("x0", "x1"), names, start, ray, equal=True)
        return Trajectory(length, contour(plane, rows, self.height))

    def height(self, x: Tensor, y: Tensor) -> Tensor:
        """Of points in the plane, with the first axis as the direction."""
        return (1 - x / x.hypot(y).clamp_min(1e-30)) ** self.power
