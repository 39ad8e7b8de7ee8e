"""How long a sweep will still take, from the epochs that its runs have trained so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runner.config.schema import Config


@dataclass(frozen=True)
class RemainingTime:
    """is_least: runs are left of a kind of which no epoch has been trained; their time is not in `seconds`."""

    seconds: float
    is_least: bool = False

    def __str__(self) -> str:
        return f"{'more than' if self.is_least else 'about'} {format_duration(self.seconds)}"


def remaining_time(
    trained: Iterable[tuple[Config, float, int]], left: Iterable[tuple[Config, int]], at_a_time: int
) -> RemainingTime | None:
    """trained: of runs that have trained, their seconds and epochs. left: of those that have not ended, the epochs that
    are left.

    An epoch takes as long as the mean of those of its kind did. None: no run of any kind has trained an epoch.
    """
    seconds: dict[Any, float] = defaultdict(float)
    epochs: dict[Any, int] = defaultdict(int)
    for config, spent, number in trained:
        kind = kind_of(config)
        seconds[kind] += spent
        epochs[kind] += number
    known = {kind: seconds[kind] / number for kind, number in epochs.items() if number}
    if not known:
        return None
    to_go = [(kind_of(config), number) for config, number in left]
    total = sum(known.get(kind, 0.0) * number for kind, number in to_go)
    return RemainingTime(total / at_a_time, any(number and kind not in known for kind, number in to_go))


def kind_of(config: Config) -> object:
    """Equal for runs whose epochs are alike: of one task, data set, network and size, by any optimizer."""
    names = [(config.plain.get(group) or {}).get("name") for group in ("task", "data", "model")]
    return *names, config.settings.batch_size, str(config.limits)


def format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
