"""Sensitivity: the share of the search space in which an optimizer is near its best.

The trials stand for the space around them. Each has the measure of its cell: of all points that are closer to it than
to any other trial, on the space's own scales (log for a learning rate), on which the space is a cube of volume 1. Of
one searched number the cells are intervals, and exact; of several they are measured with 4,096 points of the Halton
sequence, which is exact to about 0.01. The measure of the cells whose loss is within the stated distance of the best is
the share: 1 for an optimizer that may be set to anything, near 0 for one that works at a single point.

A trial that did not finish is far from the best. Trials outside the space count at its edge. With few trials the share
is coarse: a cell is all near or all far.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optim.search_range import Space, halton

POINTS = 4096
TINY = 1e-12


@dataclass(frozen=True)
class Sensitivity:
    """share: of the space, within `near` of the loss `best`. num_trials: at different points of it."""

    share: float
    best: float
    near: float
    num_trials: int


def sensitivity(
    space: Space, tried: Sequence[tuple[Mapping[str, float], float]], near: float, best: float | None = None
) -> Sensitivity:
    """The share of the space within `near` >= 0 of the best loss.

    tried: the searched numbers of each trial, and its loss (smaller is better; infinite: none). best: by default the
    smallest loss of these trials; another optimizer's may be given. Raises ValueError without a trial, and for a trial
    that lacks one of the space's numbers.
    """
    if not tried:
        raise ValueError("no trial: the search space has not been sampled")
    losses: dict[tuple[float, ...], list[float]] = defaultdict(list)
    for numbers, loss in tried:
        losses[position_in(space, numbers)].append(loss)
    means = [math.fsum(own) / len(own) if all(map(math.isfinite, own)) else math.inf for own in losses.values()]
    lowest = min(means) if best is None else best
    measures = cell_measures([*losses])
    rounding = TINY * abs(lowest)  # 0.97 is within 0.01 of 0.98
    is_near = [math.isfinite(mean) and mean <= lowest + near + rounding for mean in means]
    share = math.fsum(measure for measure, inside in zip(measures, is_near, strict=True) if inside)
    return Sensitivity(share, lowest, near, len(losses))


def position_in(space: Space, numbers: Mapping[str, float]) -> tuple[float, ...]:
    """A trial's place in the cube."""
    if missing := space.keys() - numbers.keys():
        raise ValueError(f"a trial has no {', '.join(sorted(missing))}, which the search space has")
    return tuple(range_.position(numbers[key]) for key, range_ in space.items())


def cell_measures(places: Sequence[tuple[float, ...]]) -> list[float]:
    """The share of the cube that is closest to each of these different places."""
    if not places[0]:
        return [1.0]
    if len(places[0]) == 1:
        order = sorted(range(len(places)), key=places.__getitem__)
        middles = [(places[i][0] + places[j][0]) / 2 for i, j in zip(order, order[1:], strict=False)]
        widths = [high - low for low, high in zip([0.0, *middles], [*middles, 1.0], strict=True)]
        return [width for _, width in sorted(zip(order, widths, strict=True))]
    import numpy

    points = numpy.array([halton(k, len(places[0])) for k in range(1, POINTS + 1)])
    distances = ((points[:, None] - numpy.array(places)) ** 2).sum(2)
    return (numpy.bincount(distances.argmin(1), minlength=len(places)) / POINTS).tolist()
