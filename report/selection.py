"""The settings that a figure shows, their labels, and the note on what it leaves out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from results.settings import Setting
from results.signature import changes_results
from results.values import format_value, is_number, varying_keys

MOST_KEYS = 3  # in a label; with more of them the signature stands there instead
UNFINISHED = ("running", "interrupted", "failed")


def by_optimizer(settings: Iterable[Setting]) -> dict[str, list[Setting]]:
    """The settings of each optimizer, in the order of their names."""
    found: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        found[setting.optimizer].append(setting)
    return dict(sorted(found.items()))


def chosen(settings: Iterable[Setting], count: int | None = 1, diverged: bool = False) -> list[Setting]:
    """Each optimizer's `count` best settings, None: all; optimizers by name, the best setting first.

    Finished ones come first, by the mean of validation (best epoch each); then unfinished ones, by their best so far;
    then, only if `diverged`, those with diverged runs, the fewest first.
    """
    drawable = (setting for setting in settings if diverged or not num_with_status(setting, "diverged"))
    return [setting for group in by_optimizer(drawable).values() for setting in sorted(group, key=rank)[:count]]


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
    groups = by_optimizer(settings).values()
    keys = (key for group in groups for key in varying_keys(each.runs[0].settings for each in group))
    return [key for key in dict.fromkeys(keys) if changes_results(key)]


def labels(drawn: Sequence[Setting], tried: Sequence[Setting] = ()) -> list[str]:
    """`adam, lr 0.01, batch_size 64 (1 of 3 diverged)`: the settings that varied for the optimizer, and their statuses.

    tried: also settings that are not drawn, but may have varied. Where much varied, the signature replaces the values.
    """
    varied = {optimizer: swept_keys(group) for optimizer, group in by_optimizer([*tried, *drawn]).items()}
    return [label(setting, varied[setting.optimizer]) + statuses(setting) for setting in drawn]


def label(setting: Setting, keys: Sequence[str]) -> str:
    values = setting.runs[0].settings
    others = [f"{key.removeprefix('optim.')} {short(values.get(key))}" for key in keys if key != "optim.lr"]
    if len(others) > MOST_KEYS:
        others = [setting.runs[0].signature]
    return ", ".join([setting.optimizer, f"lr {short(setting.lr)}", *others])


def short(value: Any) -> str:
    """A setting's value in a label: numbers with at most six digits."""
    return f"{value:g}" if is_number(value) else format_value(value)


def statuses(setting: Setting) -> str:
    """` (2 of 3 diverged)`, ` (running)`; empty where all runs are done."""
    found = Counter(run.ending for run in setting.runs if run.ending != "done")
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
