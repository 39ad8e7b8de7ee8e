"""Groups of runs that may be compared: of one task, data set and network, trained for as long on as many samples."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.labels import label_parts, shown_keys, varying_keys
from results.run import Run
from results.signature import changes_results

#: keys, or groups of keys, whose values separate runs
SEPARATING = ("task", "data", "model", "epochs", "batch_size", "limit_train", "limit_val", "limit_test")
LONGEST = 80  # characters of a group's name in the names of files, which have at most 255


@dataclass(frozen=True)
class Group:
    """name: the task, and what tells the group from the task's others: `digits epochs=10 model=cnn`."""

    name: str
    runs: Sequence[Run]

    @property
    def prefix(self) -> str:
        """The name as the beginning of files' names; a long one is cut and told from others by a hash."""
        whole = re.sub(r"[^\w.=+-]+", "_", self.name)
        if len(whole) <= LONGEST:
            return whole
        return f"{whole[: LONGEST - 9]}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def comparable_groups(runs: Iterable[Run], across: Iterable[str] = ()) -> list[Group]:
    """The groups, by name. across: keys of SEPARATING, or below them, that may differ within a group."""
    every = list(runs)
    varying = varying_keys(run.settings for run in every)
    separating = {key: owners for key, owners in varying.items() if separates(key, across)}
    found: dict[str, list[Run]] = {}
    for run in every:
        keys = shown_keys(run.settings, separating)
        shown = [key for key in keys if run.settings[key] is not None]  # no limit: null, or not yet a key
        found.setdefault(" ".join([run.task, *label_parts(run.settings, shown)]), []).append(run)
    return [Group(name, found[name]) for name in sorted(found)]


def separates(key: str, across: Iterable[str]) -> bool:
    return changes_results(key) and is_in(key, SEPARATING) and not is_in(key, across)


def is_in(key: str, groups: Iterable[str]) -> bool:
    return any(key == each or key.startswith(f"{each}.") for each in groups)
