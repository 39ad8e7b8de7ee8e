"""Rosenbrock's valley on a sphere: a scale-invariant function with a long way to its optimum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet
from results.trajectory import Plane, Series, Trajectory
from tasks.problem import Problem, Rows, contour, coordinates

if TYPE_CHECKING:
    from torch import Tensor, nn

OPTIMUM = (1.0, 1.0)
RADIANS = 2 / 3  # of azimuth and elevation, to one unit of psi and phi


@dataclass(frozen=True, kw_only=True)
class Rosenbrock(Problem):
    """f(w) = scale ((1 - psi)^2 + steepness (phi - psi^2)^2), psi = 3/2 azimuth and phi = 3/2 elevation of w in space.

    The radius r = ||w|| changes nothing but how far a step turns. Metric `distance`: from (psi, phi) to (1, 1).
    Records psi, phi and r of every step.
    Source: the three-dimensional toy of the project page of Heo et al., "AdamP", ICLR 2021, which has pictures and no
    formula: steepness and angles are those that put our contours and paths on the pictures'. Deviation: the page has
    no scale; with ours one learning rate suits momentum and Adam.
    """

    objective: ClassVar[str] = "rosenbrock"
    data: ClassVar[str] = "steps"

    steepness: float = field(default=300.0, metadata={"range": "(0, inf)"})
    scale: float = field(default=0.01, metadata={"range": "(0, inf)"})

    def check_dimension(self, dimension: int, data: DataSet) -> None:
        if dimension != 3:
            raise ValueError(f"task={self.name} moves a point in space: 3 coordinates, not {dimension}, in model.start")

    def height(self, psi: Tensor, phi: Tensor) -> Tensor:
        return self.scale * ((1 - psi).square() + self.steepness * (phi - psi.square()).square())

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.height(*angles(output[0]))

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        psi, phi = angles(output[0])
        return (psi - OPTIMUM[0]).hypot(phi - OPTIMUM[1]) * len(y)

    def observe(self, model: nn.Module) -> dict[str, Tensor]:
        w = coordinates(model)
        psi, phi = angles(w)
        return {"psi": psi, "phi": phi, "r": w.norm()}

    def trajectory_from(self, start: tuple[float, ...], rows: Rows) -> Trajectory:
        """The path of (psi, phi), and the radius step by step."""
        import torch

        w = torch.tensor(start)
        psi, phi = (float(angle) for angle in angles(w))
        plane = Plane(("psi", "phi"), ("psi", "phi"), (psi, phi), [OPTIMUM], log_levels=True)
        return Trajectory([Series("r", "radius r", float(w.norm()))], contour(plane, rows, self.height))


def angles(w: Tensor) -> tuple[Tensor, Tensor]:
    """(psi, phi) of points (..., 3): azimuth and elevation, in units of 2/3 radian."""
    x, y, z = w.unbind(-1)
    return y.atan2(x) / RADIANS, z.atan2(x.hypot(y)) / RADIANS
