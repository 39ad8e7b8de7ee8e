"""Reasons to doubt a comparison over tasks: sentences, as report/warnings.py has them for one task's report."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from optim.search_range import SearchRange, Space
from report.scores.data import TriedSetting
from report.scores.steps import Significance, setting_steps
from report.warnings import grouped_text, names_text

Tried = Mapping[str, Mapping[str, Sequence[TriedSetting]]]
Chosen = Mapping[str, Mapping[str, TriedSetting]]
FULL = 1e-6  # relative: by how much a learning rate has to be above its last to be one that still decays


def cautions(
    tried: Tried,
    chosen: Chosen,
    spaces: Mapping[str, Space] | None = None,
    rule: Significance | None = None,
    about: Collection[str] | None = None,
) -> list[str]:
    """All of them, what holds of several tasks in one sentence. tried: the settings by task and optimizer; chosen: the
    best of each; spaces: by optimizer; rule: of the steps to the targets; about: the optimizers whose edges are listed
    one by one (all), those of the others are counted."""
    same: dict[str, list[str]] = defaultdict(list)
    for task, by_optimizer in tried.items():
        for sentence in (*decaying(chosen[task], rule), *budgets(by_optimizer, chosen[task])):
            same[sentence].append(task)
    found = [f"{names_text(tasks)}: {sentence}" for sentence, tasks in same.items()]
    return [*found, *edges_text(tried, chosen, spaces or {}, about)]


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


@dataclass(frozen=True)
class Edge:
    """A best setting's number that is the smallest or the largest of `tried` values. range_: the declared one."""

    key: str
    value: float
    which: str
    tried: int
    range_: SearchRange

    def __str__(self) -> str:
        return f"{self.key}={self.value:.4g}, the {self.which} of {self.tried} within {self.range_}"


def edges(tried: Sequence[TriedSetting], best: TriedSetting, space: Space) -> list[Edge]:
    """The searched numbers of one optimizer's best setting that are the smallest or largest value tried."""
    found = []
    for key, range_ in space.items():
        grid = sorted({setting.numbers[key] for setting in tried if key in setting.numbers})
        value = best.numbers.get(key)
        if len(grid) > 1 and best.finished and value is not None and value in (grid[0], grid[-1]):
            found.append(Edge(key, value, "smallest" if value == grid[0] else "largest", len(grid), range_))
    return found


def edges_text(
    tried: Tried, chosen: Chosen, spaces: Mapping[str, Space], about: Collection[str] | None
) -> Iterator[str]:
    """A sentence for each optimizer that is asked about, and one for all others."""
    found: dict[str, dict[str, list[Edge]]] = defaultdict(dict)
    for task, by_optimizer in tried.items():
        for optimizer, own in by_optimizer.items():
            if each := edges(own, chosen[task][optimizer], spaces.get(optimizer, {})):
                found[optimizer][task] = each
    for optimizer, by_task in found.items():
        if about is None or optimizer in about:
            tasks: dict[str, list[str]] = defaultdict(list)
            for task, every in by_task.items():
                for each in every:
                    tasks[str(each)].append(task)
            places = [f"{edge} ({', '.join(own)})" for edge, own in tasks.items()]
            yield f"{optimizer}'s best setting is at an edge of what was tried: {'; '.join(places)}."
    others = [
        (str(len(by_task)), optimizer)
        for optimizer, by_task in found.items()
        if about is not None and optimizer not in about
    ]
    if others:
        yield f"The best settings are at an edge of what was tried, on so many tasks: {grouped_text(others)}."
