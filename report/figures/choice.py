"""Which settings a figure shows, what they are called there, and what it leaves out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from results.settings import Setting
from results.signature import UNSIGNED

MOST_KEYS = 3  # in a label; beyond it the setting's signature tells as much
UNFINISHED = ("running", "interrupted", "failed")


def chosen(settings: Iterable[Setting], count: int | None = 1, diverged: bool = False) -> list[Setting]:
    """Each optimizer's `count` best settings, None: all; optimizers by name, the best setting first.

    Finished ones come first, by the mean of validation (best epoch each); then unfinished ones, by what they have
    reached; then, only if `diverged`, those of which runs diverged: the fewer the sooner.
    """
    found: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        if diverged or not times(setting, "diverged"):
            found[setting.optimizer].append(setting)
    return [setting for _, own in sorted(found.items()) for setting in sorted(own, key=rank)[:count]]


def rank(setting: Setting) -> tuple[int, int, float]:
    """The smaller the better."""
    unfinished = sum(times(setting, ending) for ending in UNFINISHED)
    reached = [(run.status.get("best") or {}).get(setting.metric) for run in setting.runs]
    values = [value for value in reached if value is not None]
    sign = -1 if setting.runs[0].status["better"] == "max" else 1
    return times(setting, "diverged"), unfinished, sign * statistics.mean(values) if values else float("inf")


def times(setting: Setting, ending: str) -> int:
    return sum(run.ending == ending for run in setting.runs)


def labels(drawn: Sequence[Setting], tried: Sequence[Setting] = ()) -> list[str]:
    """`adam, lr 0.01, batch_size 64 (1 of 3 diverged)`: the settings that varied for the optimizer, and its endings.

    tried: also settings that are not drawn, but may have varied. Where much varied, the signature stands for it.
    """
    by_optimizer: dict[str, list[Setting]] = defaultdict(list)
    for setting in (*tried, *drawn):
        by_optimizer[setting.optimizer].append(setting)
    varied = {optimizer: differing(own) for optimizer, own in by_optimizer.items()}
    return [label(setting, varied[setting.optimizer]) + endings(setting) for setting in drawn]


def label(setting: Setting, keys: Sequence[str]) -> str:
    others = [key for key in keys if key != "optim.lr"]
    own = setting.runs[0].settings
    parts = [f"{key.removeprefix('optim.')} {text(own.get(key))}" for key in others]
    return ", ".join(
        [
            setting.optimizer,
            f"lr {text(setting.lr)}",
            *(parts if len(parts) <= MOST_KEYS else [setting.runs[0].signature]),
        ]
    )


def differing(settings: Sequence[Setting]) -> list[str]:
    """The configuration's dotted keys in which settings differ, in the configuration's order."""
    configs = [setting.runs[0].settings for setting in settings]
    keys = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if signed(key) and len({repr(config.get(key)) for config in configs}) > 1]


def signed(key: str) -> bool:
    """Whether a key may change results, and is not the seed."""
    return not any(key == each or key.startswith(f"{each}.") for each in UNSIGNED)


def text(value: Any) -> str:
    """A setting's value as labels show it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(text, value)) + ")"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def endings(setting: Setting) -> str:
    """` (2 of 3 diverged)`, ` (running)`; empty where all runs are done."""
    found = Counter(run.ending for run in setting.runs if run.ending != "done")
    parts = [
        ending if ending != "diverged" and n == len(setting.runs) else f"{n} of {len(setting.runs)} {ending}"
        for ending, n in sorted(found.items())
    ]
    return f" ({', '.join(parts)})" if parts else ""


def left_out(settings: Sequence[Setting], drawn: Sequence[Setting]) -> str:
    """How many settings with diverged runs are not drawn, and the optimizers of which nothing is."""
    shown = {id(setting) for setting in drawn}
    missing = [setting for setting in settings if id(setting) not in shown and times(setting, "diverged")]
    if not missing:
        return ""
    absent = sorted({setting.optimizer for setting in missing} - {setting.optimizer for setting in drawn})
    nothing = f", nothing of {', '.join(absent)}" if absent else ""
    return f"not drawn: {len(missing)} setting{'s' * (len(missing) > 1)} with diverged runs{nothing}"
