"""What a reader of a table should know before believing it: edges of grids, unequal budgets, mixed origins."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from results.filters import distinct
from results.run import Run
from results.settings import Setting, best
from results.signature import UNSIGNED
from results.values import format_value, is_number

MOST = 4  # names in a list before "and so many more"
#: keys beside optim.* and wrap.* whose best value is looked for, so that it may lie on the edge of its grid
TUNED = ("batch_size", "clip_norm", "clip_value")
SAME = ("task", "data", "model")  # what has to be the same in all runs of a table, not only on the whole


def cautions(settings: Iterable[Setting]) -> list[str]:
    """One sentence for each thing to beware of in a comparison of these settings of one task; none if all is well.

    Settings are compared on what is finished or diverged; unfinished runs are only named.
    """
    settings = list(settings)
    ended = [setting for setting in settings if any(has_ended(run) for run in setting.runs)]
    runs = [run for setting in ended for run in setting.runs if has_ended(run)]
    parts = (edges(ended), budgets(ended), differences(runs), protocol(runs), origins(runs), leftovers(settings))
    return [sentence for part in parts for sentence in part]


def has_ended(run: Run) -> bool:
    return run.ending in ("done", "diverged")


def edges(settings: Sequence[Setting]) -> Iterator[str]:
    """Where an optimizer's best setting has the largest or smallest value tried of a swept number.

    A smallest value of 0 is no edge: nothing lies below for a weight decay, a momentum, a warmup.
    """
    for optimizer, (winner,) in best(settings).items():
        tried = [setting.runs[0].settings for setting in settings if setting.optimizer == optimizer]
        for key, value in winner.runs[0].settings.items():
            if not (is_number(value) and (key.startswith(("optim.", "wrap.")) or key in TUNED)):
                continue
            grid = sorted({own[key] for own in tried if is_number(own.get(key))})
            if len(grid) < 2 or value not in (grid[0], grid[-1]) or value == grid[0] == 0:
                continue
            which, beyond = ("smallest", "smaller") if value == grid[0] else ("largest", "larger")
            yield (
                f"{optimizer}: the best {key}, {value:.4g}, is the {which} tried ({values_text(grid)}); "
                f"a {beyond} one may be better."
            )


def budgets(settings: Sequence[Setting]) -> Iterator[str]:
    """Where optimizers were given more settings to try, or other seeds."""
    sizes = Counter(setting.optimizer for setting in settings)
    if len(set(sizes.values())) > 1:
        numbers = grouped(inverted({optimizer: str(size) for optimizer, size in sizes.items()}))
        yield f"The optimizers had different numbers of settings to choose from: {numbers}."
    seeds = {optimizer: [str(run.seed) for run in winner.runs] for optimizer, (winner,) in best(settings).items()}
    if len({len(own) for own in seeds.values()}) > 1:
        numbers = grouped(inverted({optimizer: str(len(own)) for optimizer, own in seeds.items()}))
        yield f"The best settings ran with different numbers of seeds: {numbers}."
    elif len({tuple(own) for own in seeds.values()}) > 1:
        lists = grouped(inverted({optimizer: " ".join(own) for optimizer, own in seeds.items()}))
        yield f"The best settings ran with different seeds and can't be paired: {lists}."


def differences(runs: Sequence[Run]) -> Iterator[str]:
    """Where runs differ in task, data or model, and optimizers in epochs, batch size or any key but their own."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    renamed = tuple(f"{group}." for group in SAME if len(told(runs, f"{group}.name")) > 1)
    for key in keys:
        group, _, rest = key.partition(".")
        if group in ("optim", "wrap") or key in UNSIGNED or group in UNSIGNED:
            continue
        if key.startswith(renamed) and rest != "name":
            continue  # another model has other keys
        values = told(runs, key)
        if group in SAME and len(values) > 1:
            yield f"The runs differ in {key}: {grouped(values)}."
        elif len(values) > 1 and len({frozenset(own) for own in turned(values).values()}) > 1:
            yield f"The optimizers differ in {key}: {grouped(values)}."


def protocol(runs: Sequence[Run]) -> Iterator[str]:
    """Where validation was the test set, and where only parts of the data were used."""
    if tested := [run for run in runs if run.settings.get("data.split") == "test"]:
        some = f" in {share(tested, runs)}" if len(tested) < len(runs) else ""
        yield f"Validation was the test set (data.split=test){some}: what was chosen on it has seen the test."
    for key in ("limit_train", "limit_val", "limit_test"):
        if limited := [run for run in runs if run.settings.get(key) is not None]:
            some = f" in {share(limited, runs)}" if len(limited) < len(runs) else ""
            sizes = names_text(distinct(run.settings[key] for run in limited))
            yield f"Only a part of the data was used{some}: {key} is {sizes}."


def origins(runs: Sequence[Run]) -> Iterator[str]:
    """Where code, machine or torch differ. What environment.json does not say counts as unknown."""
    sources: dict[str, Callable[[Run], Any]] = {
        "commits": lambda run: ((run.environment.get("git") or {}).get("commit") or "")[:7],
        "devices": lambda run: run.environment.get("device_name") or run.environment.get("device"),
        "versions of torch": lambda run: (run.environment.get("packages") or {}).get("torch"),
    }
    for what, source in sources.items():
        values: dict[str, list[str]] = defaultdict(list)
        for run in runs:
            values[str(source(run) or "unknown")].append(run.optimizer)
        if len(values) > 1:
            yield f"The runs come from different {what}: {grouped(values)}."
    if dirty := [run for run in runs if (run.environment.get("git") or {}).get("dirty")]:
        yield f"The code had uncommitted changes in {share(dirty, runs)}."


def leftovers(settings: Sequence[Setting]) -> Iterator[str]:
    """Runs that are not finished, and finished ones without rows."""
    runs = [run for setting in settings for run in setting.runs]
    if rest := [f"{run.setting} seed={run.seed} ({run.ending})" for run in runs if not has_ended(run)]:
        yield f"Settings with unfinished runs are left out: {names_text(rest)}."
    if empty := [f"{run.setting} seed={run.seed}" for run in runs if run.ending == "done" and not has_rows(run)]:
        yield f"Finished runs whose metrics.jsonl is empty or missing have no curve: {names_text(empty)}."


def has_rows(run: Run) -> bool:
    """By the file's size: reading it would cost more than all the rest."""
    file = run.folder / "metrics.jsonl"
    return file.is_file() and file.stat().st_size > 0


def told(runs: Iterable[Run], key: str) -> dict[str, list[str]]:
    """Each value of a key, with the optimizers that ran with it; runs of a version without the key say nothing."""
    found: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        if key in run.settings:
            found[format_value(run.settings[key])].append(run.optimizer)
    return found


def turned(values: dict[str, list[str]]) -> dict[str, set[str]]:
    """The values of each optimizer."""
    found: dict[str, set[str]] = defaultdict(set)
    for value, optimizers in values.items():
        for optimizer in optimizers:
            found[optimizer].add(value)
    return found


def inverted(values: dict[str, str]) -> dict[str, list[str]]:
    """The optimizers of each value."""
    found: dict[str, list[str]] = defaultdict(list)
    for optimizer, value in values.items():
        found[value].append(optimizer)
    return found


def grouped(values: dict[str, list[str]]) -> str:
    """10 (adam, sgd), 20 (aggmo): values in their order, each with the optimizers that have it."""
    return names_text([f"{value} ({names_text(sorted(set(values[value])))})" for value in sorted(values, key=in_order)])


def in_order(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def names_text(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def values_text(grid: Sequence[float]) -> str:
    values = [f"{value:.4g}" for value in grid]
    return ", ".join(values) if len(values) < 8 else f"{values[0]}, {values[1]}, ..., {values[-1]}"


def share(some: Sequence[Run], runs: Sequence[Run]) -> str:
    part = f"{len(some)} of {len(runs)}" if len(some) < len(runs) else f"all {len(runs)}"
    return f"{part} runs ({names_text(sorted({run.optimizer for run in some}))})"
