"""Scores of each optimizer by the values of swept keys."""

from __future__ import annotations

import difflib
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from report.selection import num_with_status, swept_keys
from results.run import Run
from results.settings import Setting
from results.signature import changes_results

Epoch = Literal["final", "best"]


@dataclass(frozen=True)
class Score:
    """The best setting at some values: the validation metric of each run that is done, and the number of diverged runs.

    candidates: settings that it is the best of, itself included.
    """

    setting: Setting
    values: Sequence[float]
    diverged: int
    candidates: int = 1

    @property
    def mean(self) -> float | None:
        return statistics.mean(self.values) if self.values else None


def value_of(setting: Setting, key: str) -> Any:
    """A setting's value of a dotted key, hashable; None if it has no such key."""
    return hashable(setting.runs[0].settings.get(key))


def hashable(value: Any) -> Any:
    return tuple(map(hashable, value)) if isinstance(value, list) else value


def check_key(settings: Sequence[Setting], key: str) -> None:
    """Raises ValueError for a key that no run has, with the nearest, and for one that changes no result."""
    keys = {name for setting in settings for name in setting.runs[0].settings}
    if key not in keys:
        near = difflib.get_close_matches(key, keys, 3) or swept_keys(settings)
        raise ValueError(f"no run has a setting {key}; there are {', '.join(near) or 'none that vary'}")
    if not changes_results(key):
        raise ValueError(f"{key} changes no result, or only the seed: nothing to draw against it")


def scores(settings: Sequence[Setting], keys: Sequence[str], epoch: Epoch) -> dict[str, dict[tuple, Score]]:
    """For each optimizer, the score at each combination of the keys' values: the best setting's, where others vary too.

    The best is the one with the fewest diverged runs, then the best mean. Unfinished runs do not count.
    """
    for key in keys:
        check_key(settings, key)
    found: dict[str, dict[tuple, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for setting in settings:
        values = [value for run in setting.runs if (value := score(run, epoch)) is not None]
        place, diverged = tuple(value_of(setting, key) for key in keys), num_with_status(setting, "diverged")
        if (values or diverged) and None not in place:
            found[setting.optimizer][place].append(Score(setting, values, diverged))
    return {
        optimizer: {place: best_of(each) for place, each in places.items()}
        for optimizer, places in sorted(found.items())
    }


def score(run: Run, epoch: Epoch) -> float | None:
    """The metric on validation; None of a run that is not done."""
    return (run.status.get(epoch) or {}).get(run.metric) if run.ending == "done" else None


def best_of(candidates: Sequence[Score]) -> Score:
    sign = -1 if larger_is_better(candidates[0].setting) else 1
    found = min(candidates, key=lambda s: (s.diverged, s.mean is None, sign * (s.mean or 0)))
    return replace(found, candidates=len(candidates))


def larger_is_better(setting: Setting) -> bool:
    return setting.runs[0].status["better"] == "max"
