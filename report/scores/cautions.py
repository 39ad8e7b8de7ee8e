"""Reasons to doubt a comparison over tasks: sentences, as report/warnings.py has them for one task's report."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from optim.search_range import Space
from report.scores.data import TriedSetting
from report.scores.steps import Significance, setting_steps
from report.warnings import grouped_text

Tried = Mapping[str, Mapping[str, Sequence[TriedSetting]]]
Chosen = Mapping[str, Mapping[str, TriedSetting]]
FULL = 1e-6  # relative: by how much a learning rate has to be above its last to be one that still decays


def cautions(
    tried: Tried,
    chosen: Chosen,
    spaces: Mapping[str, Space] | None = None,
    rule: Significance | None = None,
) -> list[str]:
    """All of them. tried: the settings by task and optimizer; chosen: the best of each; spaces: by optimizer; rule: of
    the steps to the targets."""
    found = []
    for task, by_optimizer in tried.items():
        best = chosen[task]
        for each in (decaying(best, rule), budgets(by_optimizer, best), edges(by_optimizer, best, spaces or {})):
            found += [f"{task}: {sentence}" for sentence in each]
    return found


def decaying(best: Mapping[str, TriedSetting], rule: Significance | None = None) -> Iterator[str]:
    """Optimizers whose learning rate was still decaying at the step at which the target was reached.

    A schedule of that length would have decayed further by then: rankings change with the decay that is left (Wen et
    al., "Fantastic Pretraining Optimizers and Where to Find Them", arXiv 2509.02046, 2025).
    """
    left = []
    for optimizer, setting in best.items():
        step = setting_steps(setting, rule)
        shares = [] if step is None else [share for trial in setting.trials if (share := decay_left(trial.lrs, step))]
        if shares:
            left.append((f"{statistics.fmean(shares):.0%}", optimizer))
    if left:
        yield (
            "schedules were still decaying when the target was reached; share of the final decay that was left: "
            f"{grouped_text(left)}. Shorter schedules may need fewer steps."
        )


def decay_left(lrs: Sequence[tuple[int, float]], step: int) -> float:
    """Of the fall from the largest learning rate to the last one, the share that came after a step; 0 if none did."""
    if not lrs:
        return 0.0
    largest, last = max(lr for _, lr in lrs), lrs[-1][1]
    now = next((lr for at, lr in lrs if at >= step), last)
    return (now - last) / (largest - last) if now > last * (1 + FULL) else 0.0


def budgets(tried: Mapping[str, Sequence[TriedSetting]], best: Mapping[str, TriedSetting]) -> Iterator[str]:
    """Different numbers of trials, seeds, epochs or steps."""
    amounts = {
        "settings were tried": {optimizer: len(settings) for optimizer, settings in tried.items()},
        "seeds ran of the best setting": {optimizer: len(setting.trials) for optimizer, setting in best.items()},
        "epochs were trained": {
            optimizer: max((trial.epochs for trial in setting.trials if setting.finished), default=0)
            for optimizer, setting in best.items()
        },
    }
    for what, numbers in amounts.items():
        counted = {optimizer: number for optimizer, number in numbers.items() if number}
        if len(set(counted.values())) > 1:
            text = grouped_text((str(number), optimizer) for optimizer, number in counted.items())
            yield f"different numbers of {what}: {text}."


def edges(
    tried: Mapping[str, Sequence[TriedSetting]], best: Mapping[str, TriedSetting], spaces: Mapping[str, Space]
) -> Iterator[str]:
    """Optimizers whose best setting has the smallest or largest value tried of a searched number."""
    for optimizer, settings in tried.items():
        for key, range_ in spaces.get(optimizer, {}).items():
            grid = sorted({setting.numbers[key] for setting in settings if key in setting.numbers})
            value = best[optimizer].numbers.get(key)
            if len(grid) > 1 and best[optimizer].finished and value in (grid[0], grid[-1]):
                which = "smallest" if value == grid[0] else "largest"
                yield f"{optimizer}'s best {key}, {value:.4g}, is the {which} of {len(grid)} tried ({range_})."
