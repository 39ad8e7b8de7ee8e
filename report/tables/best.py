"""The tables of a comparison: each optimizer at its best setting, and every setting that was tried."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from report.tables.table import Table
from report.tables.text import ABSENT, Spread, count, scale
from results.run import Run
from results.settings import Setting, best, ranked

MEANS = "Means ± standard deviations (n - 1) over n seeds; s: seconds of training, of stacked runs each one's share."
SELECTED = (
    "Best setting: by the mean over seeds of the best epoch's validation; tested once, with that epoch's weights."
)
SHARE = "optimizer %: of the seconds of training, those in the optimizer's step."


def best_table(settings: Iterable[Setting], percent: bool = False) -> Table:
    """A row an optimizer: its setting with the best validation, and what came of it.

    settings: of one task, all that were tried. An optimizer none of whose settings finished has a row, too.
    percent: show fractions in percent.
    """
    by_optimizer = grouped(settings)
    chosen = best(setting for own in by_optimizer.values() for setting in own)
    names = distinct(setting for own in by_optimizer.values() for setting in own)
    metric, factor = heading(by_optimizer, percent)
    rows = []
    for optimizer, own in by_optimizer.items():
        setting = chosen[optimizer][0] if optimizer in chosen else None
        results = [ABSENT] * 6 if setting is None else of_best(setting, factor)
        diverged = f"{sum(has_diverged(each) for each in own)} of {len(own)}"
        name = names[id(setting)] if setting else "none finished"
        rows.append([optimizer, name, *results[:4], diverged, *results[4:]])
    columns = ["optimizer", "best setting", "n", f"validation {metric}", f"test {metric}", "epochs"]
    columns += ["diverged", "s/epoch", "optimizer %"]
    notes = [MEANS, SELECTED, "diverged: settings with a diverged run, of all that were tried.", SHARE]
    return Table(f"{task_of(by_optimizer)}: best settings", columns, rows, notes)


def of_best(setting: Setting, factor: float) -> list[str]:
    """n, validation, test, epochs, seconds per epoch, optimizer's share."""
    found = [mean(setting.runs, lambda run, which=which: metric_of(run, which), factor) for which in ("best", "test")]
    return [str(len(setting.runs)), *found, epochs(setting.runs), *costs(setting.runs)]


def every_table(settings: Iterable[Setting], percent: bool = False) -> Table:
    """A row a setting, an optimizer's best first, and those with unfinished or diverged runs last.

    No test metrics: whoever reads them setting by setting would select on the test set.
    """
    by_optimizer = grouped(settings)
    names = distinct(setting for own in by_optimizer.values() for setting in own)
    metric, factor = heading(by_optimizer, percent)
    rows = []
    for optimizer, own in by_optimizer.items():
        for setting in in_order(own):
            done = [run for run in setting.runs if run.ending == "done"]
            found = [mean(done, lambda run, which=which: metric_of(run, which), factor) for which in ("best", "final")]
            reached = [*found, epochs(setting.runs), *costs(done)]
            rows.append([optimizer, names[id(setting)], endings(setting.runs), *reached])
    columns = ["optimizer", "setting", "runs", f"validation {metric}", f"last epoch's {metric}", "epochs", "s/epoch"]
    notes = [
        "Means ± standard deviations (n - 1) over the runs that are done; validation: each run's best epoch.",
        SHARE,
    ]
    return Table(f"{task_of(by_optimizer)}: all settings", [*columns, "optimizer %"], rows, notes)


def grouped(settings: Iterable[Setting]) -> dict[str, list[Setting]]:
    """The settings of each optimizer. Raises ValueError if there are none, or if they are of several tasks."""
    found: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        found[setting.optimizer].append(setting)
    tasks = sorted({own.runs[0].task for each in found.values() for own in each})
    if len(tasks) != 1:
        raise ValueError(f"a table holds runs of one task, not of {', '.join(tasks) or 'none'}")
    return dict(sorted(found.items()))


def in_order(own: Sequence[Setting]) -> list[Setting]:
    finished = [setting for setting in own if setting.finished]
    return (ranked(finished) if finished else []) + [setting for setting in own if not setting.finished]


def heading(by_optimizer: dict[str, list[Setting]], percent: bool) -> tuple[str, float]:
    return scale(next(iter(by_optimizer.values()))[0].metric, percent)


def task_of(by_optimizer: dict[str, list[Setting]]) -> str:
    return next(iter(by_optimizer.values()))[0].runs[0].task


def distinct(settings: Iterable[Setting]) -> dict[int, str]:
    """The settings' names by id; those that differ in more than their optimizer have their signatures behind."""
    every = list(settings)
    times = Counter(setting.name for setting in every)
    return {id(s): s.name if times[s.name] == 1 else f"{s.name} ({s.runs[0].signature})" for s in every}


def metric_of(run: Run, which: str) -> float | None:
    """which: "best" or "final" epoch on validation, or "test"."""
    return (run.status.get(which) or {}).get(run.metric)


def mean(runs: Sequence[Run], value: Callable[[Run], float | None], factor: float = 1) -> str:
    """Over the runs that have a value."""
    values = [found for run in runs if (found := value(run)) is not None]
    return Spread(values, factor) if values else ABSENT


def epochs(runs: Sequence[Run]) -> str:
    return count([run.status.get("epochs_done", 0) for run in runs])


def costs(runs: Sequence[Run]) -> list[str]:
    """Seconds of training per epoch, and the optimizer's share of them in percent."""
    return [mean(runs, seconds_per_epoch), mean(runs, optimizer_share, 100)]


def seconds_per_epoch(run: Run) -> float | None:
    seconds, done = (run.status.get("seconds") or {}).get("train"), run.status.get("epochs_done")
    return seconds / done if seconds is not None and done else None


def optimizer_share(run: Run) -> float | None:
    """None where the run could not tell: in a stack, or on a device without a clock."""
    seconds = run.status.get("seconds") or {}
    own, training = seconds.get("optimizer"), seconds.get("train")
    return own / training if own is not None and training else None


def has_diverged(setting: Setting) -> bool:
    return any(run.ending == "diverged" for run in setting.runs)


def endings(runs: Sequence[Run]) -> str:
    """`2 done, 1 diverged`."""
    return ", ".join(f"{times} {ending}" for ending, times in Counter(run.ending for run in runs).most_common())
