"""Performance profiles: the share of tasks on which an optimizer is within a factor of the fastest.

With t_{s,w} the steps or seconds of optimizer s until it reaches the target of task w,

    r_{s,w}   = t_{s,w} / min over s of t_{s,w}                         the ratio to the fastest
    rho_s(x)  = share of all tasks w with r_{s,w} <= x                  the profile
    area_s    = 1 / (x_max - 1) * integral of rho_s from 1 to x_max     between 0 and 1, 1: the fastest everywhere

(Dolan and Moré, "Benchmarking Optimization Software with Performance Profiles", Mathematical Programming, 2002; area
and x_max = 4: AlgoPerf's benchmark score, github.com/mlcommons/algorithmic-efficiency, docs/DOCUMENTATION.md.) The area
is computed exactly, mean over w of max(0, x_max - r_{s,w}) / (x_max - 1), where AlgoPerf's code has a trapezoidal sum
over a hundred points.

An optimizer that does not reach a target, or was not run on the task, has an infinite ratio there. A task whose target
nobody reached counts in the number of tasks and for no one. All that tie for the fastest have the ratio 1. Ratios are
to the fastest of those compared: with other optimizers beside them, two optimizers may change their order (Gould and
Scott, "A Note on Performance Profiles for Benchmarking Software", ACM TOMS, 2016).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MAX_RATIO = 4.0


@dataclass(frozen=True)
class Profile:
    """An optimizer's profile. ratios: to the fastest, by task; infinite where the target was not reached."""

    optimizer: str
    ratios: Mapping[str, float]

    def share(self, ratio: float) -> float:
        """The share of tasks on which the optimizer is within this ratio of the fastest."""
        return sum(each <= ratio for each in self.ratios.values()) / len(self.ratios)

    def area(self, max_ratio: float = MAX_RATIO) -> float:
        """The mean of the profile from ratio 1 to max_ratio > 1."""
        return sum(max(0.0, max_ratio - each) for each in self.ratios.values()) / (max_ratio - 1) / len(self.ratios)

    def points(self, max_ratio: float = MAX_RATIO) -> list[tuple[float, float]]:
        """The corners of the profile's staircase as (ratio, share), from ratio 1 to max_ratio."""
        steps = sorted({1.0, *(each for each in self.ratios.values() if each <= max_ratio)})
        return [*((step, self.share(step)) for step in steps), (max_ratio, self.share(max_ratio))]


def profiles(times: Mapping[str, Mapping[str, float | None]]) -> list[Profile]:
    """Profiles of the optimizers, the largest area first, then by name.

    times: by task and optimizer, steps or seconds until the target; None or infinite: not reached. Raises ValueError
    for a time that is not above 0.
    """
    optimizers = sorted({optimizer for by_optimizer in times.values() for optimizer in by_optimizer})
    ratios = {task: ratios_of(task, by_optimizer) for task, by_optimizer in times.items()}
    found = [
        Profile(optimizer, {task: own.get(optimizer, math.inf) for task, own in ratios.items()})
        for optimizer in optimizers
    ]
    return sorted(found, key=lambda profile: (-profile.area(), profile.optimizer))


def ratios_of(task: str, times: Mapping[str, float | None]) -> dict[str, float]:
    """Each optimizer's ratio to the fastest on one task."""
    reached = {optimizer: time for optimizer, time in times.items() if time is not None and time != math.inf}
    for optimizer, time in reached.items():
        if not time > 0:
            raise ValueError(f"{task}: {optimizer}'s time to the target, {time!r}, is not above 0")
    fastest = min(reached.values(), default=math.inf)
    return {optimizer: reached[optimizer] / fastest if optimizer in reached else math.inf for optimizer in times}
