"""Warnings on a comparison: edges of grids, unequal budgets, differing protocols, mixed origins."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from report.selection import setting_names
from report.tables.text import count as counted
from results.run import Run
from results.settings import FEWEST_SEEDS, Setting, best, usual_seeds
from results.signature import changes_results
from results.status import STOPPED, stopped_text
from results.values import format_value, is_number

MOST = 4  # names in a list before "and so many more"
#: keys beside optim.* and wrap.* whose best value may lie on the edge of its grid
TUNED = ("batch_size", "clip_norm", "clip_value")
SAME = ("task", "data", "model")  # groups that must agree in all runs


def warnings(settings: Iterable[Setting]) -> list[str]:
    """A sentence for each reason to doubt a comparison of these settings of one task; none if there is none.

    Compared are runs that are done or diverged; unfinished ones are only named. Settings that were stopped early count
    as tried.
    """
    settings = list(settings)
    tried = [setting for setting in settings if any(has_ended(run) or run.ending == STOPPED for run in setting.runs)]
    ended = [setting for setting in settings if any(has_ended(run) for run in setting.runs)]
    runs = [run for setting in ended for run in setting.runs if has_ended(run)]
    parts = (
        edges(tried),
        budgets(tried),
        stopped(settings),
        few_seeds(ended),
        differences(runs),
        protocol(runs),
        origins(runs),
        unfinished(settings),
    )
    return [sentence for part in parts for sentence in part]


def has_ended(run: Run) -> bool:
    return run.ending in ("done", "diverged")


def edges(settings: Sequence[Setting]) -> Iterator[str]:
    """Optimizers whose best setting has the largest or smallest value tried of a swept number.

    A smallest value of 0 is no edge: no weight decay, momentum or warmup lies below.
    """
    for optimizer, (winner,) in best(settings).items():
        tried = [setting.runs[0].settings for setting in settings if setting.optimizer == optimizer]
        for key, value in winner.runs[0].settings.items():
            if not (is_number(value) and (key.startswith(("optim.", "wrap.", "groups.")) or key in TUNED)):
                continue
            grid = sorted({values[key] for values in tried if is_number(values.get(key))})
            if len(grid) < 2 or value not in (grid[0], grid[-1]) or value == grid[0] == 0:
                continue
            which, beyond = ("smallest", "smaller") if value == grid[0] else ("largest", "larger")
            yield (
                f"{optimizer}: the best {key}, {value:.4g}, is the {which} tried ({values_text(grid)}); "
                f"a {beyond} one may be better."
            )


def budgets(settings: Sequence[Setting]) -> Iterator[str]:
    """Different numbers of settings tried, or different seeds."""
    sizes = Counter(setting.optimizer for setting in settings)
    if len(set(sizes.values())) > 1:
        numbers = grouped_text((str(size), optimizer) for optimizer, size in sizes.items())
        yield f"The optimizers had different numbers of settings to choose from: {numbers}."
    seeds = {optimizer: [run.seed for run in winner.runs] for optimizer, (winner,) in best(settings).items()}
    if len(set(map(len, seeds.values()))) > 1:
        numbers = grouped_text((str(len(each)), optimizer) for optimizer, each in seeds.items())
        yield f"The best settings ran with different numbers of seeds: {numbers}."
    elif len(set(map(tuple, seeds.values()))) > 1:
        lists = grouped_text((" ".join(map(str, each)), optimizer) for optimizer, each in seeds.items())
        yield f"The best settings ran with different seeds and can't be paired: {lists}."


def stopped(settings: Sequence[Setting]) -> Iterator[str]:
    """Settings whose runs were stopped early, where, and what the sweep has cost with that."""
    halted = [setting for setting in settings if any(run.ending == STOPPED for run in setting.runs)]
    if not halted:
        return
    names = setting_names(settings)
    texts = [
        f"{name} ({stopped_text(next(run for run in setting.runs if run.ending == STOPPED).status)})"
        for setting, name in zip(settings, names, strict=True)
        if setting in halted
    ]
    done, whole = steps_done_and_whole([run for setting in settings for run in setting.runs])
    yield (
        f"{len(halted)} of {len(settings)} settings were stopped early, and what they would have reached is not known: "
        f"{names_text(texts)}. {done:,} steps were trained in place of {whole:,}."
    )


def steps_done_and_whole(runs: Sequence[Run]) -> tuple[int, int]:
    """The steps of runs, and those that they would have with every stopped one trained to its end."""
    done = whole = 0
    for run in runs:
        steps, epochs = run.status.get("steps_done", 0), run.status.get("epochs_done", 0)
        done += steps
        whole += steps * run.config["epochs"] // epochs if run.ending == STOPPED and epochs else steps
    return done, whole


def few_seeds(settings: Sequence[Setting]) -> Iterator[str]:
    """Best settings with too few seeds for a mean, and settings that were passed over for that."""
    chosen = best(settings)
    few = [(str(len(each.runs)), optimizer) for optimizer, (each,) in chosen.items() if len(each.runs) < FEWEST_SEEDS]
    if few:
        yield f"Fewer than {FEWEST_SEEDS} seeds: {grouped_text(few)}; differences may be chance."
    for optimizer, (winner,) in chosen.items():
        own = [each for each in settings if each.optimizer == optimizer and each.finished]
        fewer = [each for each in own if len(each.runs) < usual_seeds(own)]
        if better := [each for each in fewer if is_better(each, winner)]:
            yield (
                f"{optimizer}: {names_text(setting_names(better, settings))} would be better, but with fewer seeds "
                f"({counted([len(each.runs) for each in better])} in place of {len(winner.runs)})."
            )


def is_better(setting: Setting, other: Setting) -> bool:
    sign = 1 if setting.runs[0].status["better"] == "max" else -1
    return sign * setting.mean() > sign * other.mean()


def differences(runs: Sequence[Run]) -> Iterator[str]:
    """Runs that differ in task, data or model, and optimizers that differ in any key but those of optim and wrap."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    values = {
        key: {(format_value(run.settings[key]), run.optimizer) for run in runs if key in run.settings} for key in keys
    }
    renamed = tuple(f"{group}." for group in SAME if num_values(values.get(f"{group}.name", ())) > 1)
    for key, pairs in values.items():
        group, _, rest = key.partition(".")
        if group in ("optim", "wrap", "groups") or not changes_results(key) or num_values(pairs) < 2:
            continue
        if key.startswith(renamed) and rest != "name":
            continue  # another model has other keys
        if group in SAME:
            yield f"The runs differ in {key}: {grouped_text(pairs)}."
        elif len({frozenset(each) for each in gathered((name, value) for value, name in pairs).values()}) > 1:
            yield f"The optimizers differ in {key}: {grouped_text(pairs)}."


def protocol(runs: Sequence[Run]) -> Iterator[str]:
    """Validation on the test set, and training or evaluation on a part of the data."""
    if tested := [run for run in runs if run.settings.get("data.split") == "test"]:
        some = f" in {share(tested, runs)}" if len(tested) < len(runs) else ""
        yield f"Validation was the test set (data.split=test){some}: what was chosen on it has seen the test."
    for key in ("limit_train", "limit_val", "limit_test"):
        if limited := [run for run in runs if run.settings.get(key) is not None]:
            some = f" in {share(limited, runs)}" if len(limited) < len(runs) else ""
            sizes = names_text(sorted({format_value(run.settings[key]) for run in limited}, key=in_order))
            yield f"Only a part of the data was used{some}: {key} is {sizes}."


def origins(runs: Sequence[Run]) -> Iterator[str]:
    """Different commits, devices or versions of torch; what environment.json lacks is unknown."""
    sources: dict[str, Callable[[Run], Any]] = {
        "commits": lambda run: ((run.environment.get("git") or {}).get("commit") or "")[:7],
        "devices": lambda run: run.environment.get("device_name") or run.environment.get("device"),
        "versions of torch": lambda run: (run.environment.get("packages") or {}).get("torch"),
    }
    for what, source in sources.items():
        pairs = {(str(source(run) or "unknown"), run.optimizer) for run in runs}
        if num_values(pairs) > 1:
            yield f"The runs come from different {what}: {grouped_text(pairs)}."
    if dirty := [run for run in runs if (run.environment.get("git") or {}).get("dirty")]:
        yield f"The code had uncommitted changes in {share(dirty, runs)}."


def unfinished(settings: Sequence[Setting]) -> Iterator[str]:
    """Runs that are not finished, and finished ones without rows."""
    names = setting_names(settings)
    runs = [
        (run, f"{name} seed={run.seed}") for setting, name in zip(settings, names, strict=True) for run in setting.runs
    ]
    if rest := [f"{name} ({run.ending})" for run, name in runs if not has_ended(run) and run.ending != STOPPED]:
        yield f"Settings with unfinished runs are left out: {names_text(rest)}."
    if empty := [name for run, name in runs if run.ending == "done" and not run.has_rows]:
        yield f"Finished runs whose metrics.jsonl is empty or missing have no curve: {names_text(empty)}."


def gathered(pairs: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """The second items by the first."""
    found: dict[str, set[str]] = defaultdict(set)
    for first, second in pairs:
        found[first].add(second)
    return found


def num_values(pairs: Iterable[tuple[str, str]]) -> int:
    return len({value for value, _ in pairs})


def grouped_text(pairs: Iterable[tuple[str, str]]) -> str:
    """`10 (adam, sgd), 20 (aggmo)` of (value, optimizer): values in their order, each with its optimizers."""
    found = gathered(pairs)
    return names_text([f"{value} ({names_text(sorted(found[value]))})" for value in sorted(found, key=in_order)])


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
