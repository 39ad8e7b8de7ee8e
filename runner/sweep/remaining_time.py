"""How long a sweep will still take, from the epochs that its runs have trained so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner.config.schema import Config

Trained = tuple[Config, float, int]  # a run, with the seconds and the epochs that it has trained


@dataclass(frozen=True)
class RemainingTime:
    """is_least: runs are left of a kind of which no epoch has been trained; their time is not in `seconds`."""

    seconds: float
    is_least: bool = False

    def __str__(self) -> str:
        return f"{'more than' if self.is_least else 'about'} {format_duration(self.seconds)}"


def remaining_time(
    trained: Iterable[Trained], left: Iterable[tuple[Config, int]], at_a_time: int, before: Mapping[object, float]
) -> RemainingTime | None:
    """trained: runs in progress or ended. left: of those that have not ended, the epochs that are left. before: seconds
    an epoch of runs that had ended when these began, perhaps beside other work: they count for kinds of which none of
    `trained` has trained an epoch.

    An epoch takes as long as the mean of those of its kind did. None: none of `trained` has trained an epoch.
    """
    if not (current := seconds_an_epoch(trained)):
        return None
    known = {**before, **current}
    to_go = [(kind_of(config), number) for config, number in left]
    total = sum(known.get(kind, 0.0) * number for kind, number in to_go)
    return RemainingTime(total / at_a_time, any(number and kind not in known for kind, number in to_go))


def seconds_an_epoch(trained: Iterable[Trained]) -> dict[object, float]:
    """The mean of each kind of run of which an epoch has been trained."""
    seconds: dict[object, float] = defaultdict(float)
    epochs: dict[object, int] = defaultdict(int)
    for config, spent, number in trained:
        kind = kind_of(config)
        seconds[kind] += spent
        epochs[kind] += number
    return {kind: seconds[kind] / number for kind, number in epochs.items() if number}


def kind_of(config: Config) -> object:
    """Equal for runs whose epochs are alike: of one task, data set, network and size, by any optimizer."""
    names = [(config.plain.get(group) or {}).get("name") for group in ("task", "data", "model")]
    return *names, config.settings.batch_size, str(config.limits)


def format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
