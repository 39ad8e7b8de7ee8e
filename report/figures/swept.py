"""Which settings a sweep varied, and the scores of each optimizer by their values."""

from __future__ import annotations

import difflib
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from report.figures.choice import differing, signed, times
from results.run import Run
from results.settings import Setting

Which = Literal["final", "best"]
EPOCHS = {"final": "last epoch", "best": "best epoch"}


@dataclass(frozen=True)
class Score:
    """Of the best setting at some values: the metric on validation of each run that is done, and how many diverged."""

    setting: Setting
    values: Sequence[float]
    diverged: int
    rivals: int  # settings it is the best of, itself included

    @property
    def mean(self) -> float | None:
        return statistics.mean(self.values) if self.values else None


def value_of(setting: Setting, key: str) -> Any:
    """A setting's value of a dotted key; lists as tuples, so that they are hashable. None if it has no such key."""
    return frozen(setting.runs[0].settings.get(key))


def frozen(value: Any) -> Any:
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def swept_keys(settings: Sequence[Setting]) -> list[str]:
    """The dotted keys that differ between settings of one optimizer."""
    by_optimizer: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        by_optimizer[setting.optimizer].append(setting)
    return list(dict.fromkeys(key for own in by_optimizer.values() for key in differing(own)))


def check_key(settings: Sequence[Setting], key: str) -> None:
    """Raises ValueError for a key that no run has, with the nearest, and for one that changes no result."""
    keys = {own for setting in settings for own in setting.runs[0].settings}
    if key not in keys:
        near = difflib.get_close_matches(key, keys, 3) or swept_keys(settings)
        raise ValueError(f"no run has a setting {key}; there are {', '.join(near) or 'none that vary'}")
    if not signed(key):
        raise ValueError(f"{key} changes no result, or only the seed: nothing to draw against it")


def scores(settings: Sequence[Setting], keys: Sequence[str], which: Which) -> dict[str, dict[tuple, Score]]:
    """For each optimizer, the score at each combination of the keys' values: the best setting's, where others vary too.

    The best is the one with the fewest diverged runs, then the best mean of `which`. Unfinished runs do not count.
    """
    if which not in EPOCHS:
        raise ValueError(f"which={which} is not one of {', '.join(EPOCHS)}")
    for key in keys:
        check_key(settings, key)
    rivals: dict[str, dict[tuple, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for setting in settings:
        values = [found for run in setting.runs if (found := score(run, which)) is not None]
        place = tuple(value_of(setting, key) for key in keys)
        if (values or times(setting, "diverged")) and None not in place:
            rivals[setting.optimizer][place].append(Score(setting, values, times(setting, "diverged"), 1))
    return {
        optimizer: {place: winner(each) for place, each in own.items()} for optimizer, own in sorted(rivals.items())
    }


def score(run: Run, which: Which) -> float | None:
    """The metric on validation; None of a run that is not done."""
    return (run.status.get(which) or {}).get(run.metric) if run.ending == "done" else None


def winner(rivals: Sequence[Score]) -> Score:
    sign = -1 if larger_is_better(rivals[0].setting) else 1
    found = min(rivals, key=lambda s: (s.diverged, s.mean is None, sign * (s.mean or 0)))
    return Score(found.setting, found.values, found.diverged, len(rivals))


def larger_is_better(setting: Setting) -> bool:
    """Whether larger values of the metric are better."""
    return setting.runs[0].status["better"] == "max"
