"""Weights that are the output themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Coordinates(nn.Module):
    """Returns its weight (1, d), whatever the input is.

    bounds: (lowest, highest) value that `project` leaves a coordinate.
    """

    start: Tensor

    def __init__(self, start: Tensor, bounds: tuple[float, float] | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(start.clone())
        self.register_buffer("start", start, persistent=False)
        self.bounds = bounds

    def forward(self, x: Tensor) -> Tensor:
        return self.weight

    @torch.no_grad()
    def project(self) -> None:
        """Bring every coordinate back into the bounds: the nearest point in them."""
        if self.bounds is not None:
            self.weight.clamp_(*self.bounds)
