"""The settings that a figure shows, their names, and the note on what it leaves out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from results.labels import varying_keys
from results.run_labels import code_of, commit_of, labels
from results.settings import Setting, usual_seeds
from results.status import STOPPED, stopped_text

UNFINISHED = ("running", "interrupted", "failed", STOPPED)


def by_optimizer(settings: Iterable[Setting]) -> dict[str, list[Setting]]:
    """The settings of each optimizer, in the order of their names."""
    found: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        found[setting.optimizer].append(setting)
    return dict(sorted(found.items()))


def chosen(settings: Iterable[Setting], count: int | None = 1, diverged: bool = False) -> list[Setting]:
    """Each optimizer's `count` best settings, None: all; the best of all first.

    Finished ones come first, by the mean of validation (best epoch each), those with the usual number of seeds before
    others; then unfinished ones, by their best so far; then, only if `diverged`, those with diverged runs, the fewest
    first.
    """
    drawable = (setting for setting in settings if diverged or not num_with_status(setting, "diverged"))
    found = [setting for group in by_optimizer(drawable).values() for setting in in_order(group)[:count]]
    return sorted(found, key=rank)


def in_order(group: Sequence[Setting]) -> list[Setting]:
    """Settings of one optimizer, the best first."""
    usual = usual_seeds(finished) if (finished := [setting for setting in group if setting.finished]) else 0
    return sorted(group, key=lambda setting: (rank(setting)[:2], len(setting.runs) < usual, rank(setting)))


def rank(setting: Setting) -> tuple[int, int, float]:
    """A sort key: smaller is better."""
    unfinished = sum(num_with_status(setting, status) for status in UNFINISHED)
    reached = [(run.status.get("best") or {}).get(setting.metric) for run in setting.runs]
    values = [value for value in reached if value is not None]
    sign = -1 if setting.runs[0].status["better"] == "max" else 1
    mean = sign * statistics.mean(values) if values else float("inf")
    return num_with_status(setting, "diverged"), unfinished, mean


def num_with_status(setting: Setting, status: str) -> int:
    return sum(run.ending == status for run in setting.runs)


def swept_keys(settings: Sequence[Setting]) -> list[str]:
    """The dotted keys that differ between settings of one optimizer, of those that change results."""
    keys = (varying_keys(each.runs[0].settings for each in group) for group in by_optimizer(settings).values())
    return list(dict.fromkeys(key for group in keys for key in group))


def setting_names(shown: Sequence[Setting], among: Sequence[Setting] = ()) -> list[str]:
    """`adam+lookahead lr=0.01 batch_size=64`: what varies, of these settings and others that may differ."""
    texts = labels([setting.runs[0] for setting in shown], [setting.runs[0] for setting in among])
    return [text + mixed_code(setting) for text, setting in zip(texts, shown, strict=True)]


def mixed_code(setting: Setting) -> str:
    """` (2 versions of the code)` where the runs' code may differ, by their commits; empty otherwise."""
    commits = {commit_of(run) for run in setting.runs}
    return f" ({len(commits)} versions of the code)" if len(commits) > 1 and not code_of(setting.runs[0]) else ""


def legend_names(drawn: Sequence[Setting], tried: Sequence[Setting] = ()) -> list[str]:
    """The settings' names in a legend: `adam lr=0.01 (1 of 3 diverged)`. tried: also settings that are not drawn."""
    return [name + statuses(setting) for name, setting in zip(setting_names(drawn, tried), drawn, strict=True)]


def statuses(setting: Setting) -> str:
    """` (2 of 3 diverged)`, ` (running)`, ` (stopped at epoch 3 by halving)`; empty where all runs are done."""
    endings = (stopped_text(run.status) if run.ending == STOPPED else run.ending for run in setting.runs)
    found = Counter(ending for ending in endings if ending != "done")
    parts = [
        status if status != "diverged" and n == len(setting.runs) else f"{n} of {len(setting.runs)} {status}"
        for status, n in sorted(found.items())
    ]
    return f" ({', '.join(parts)})" if parts else ""


def left_out(settings: Sequence[Setting], drawn: Sequence[Setting]) -> str:
    """The number of settings with diverged runs that are not drawn, and the optimizers that are not drawn at all."""
    shown = {id(setting) for setting in drawn}
    missing = [each for each in settings if id(each) not in shown and num_with_status(each, "diverged")]
    if not missing:
        return ""
    absent = sorted({setting.optimizer for setting in missing} - {setting.optimizer for setting in drawn})
    nothing = f", nothing of {', '.join(absent)}" if absent else ""
    return f"not drawn: {len(missing)} setting{'s' * (len(missing) > 1)} with diverged runs{nothing}"
