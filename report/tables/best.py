"""Tables of settings: each optimizer at its best one, and all that were tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from report.selection import by_optimizer, num_with_status, setting_names
from report.tables.table import Table
from report.tables.text import ABSENT, Spread, count, scale
from results.run import Run
from results.settings import Setting, best, ranked

#: columns that a narrow console leaves out
DETAILS = ("epochs", "diverged", "s/epoch", "optimizer %")
MEANS = "Means ± standard deviations (n - 1) over n seeds."
COSTS = "s/epoch: seconds of training, of stacked runs each one's share."
SELECTED = (
    "Best setting: by the mean over seeds of the best epoch's validation; tested once, with that epoch's weights."
)
SHARE = "optimizer %: of the seconds of training, those in the optimizer's step."


def best_table(settings: Iterable[Setting], percent: bool = False) -> Table:
    """A row an optimizer: its setting with the best validation, and its results.

    settings: of one task, all that were tried. An optimizer none of whose settings finished has a row, too.
    percent: show fractions in percent.
    """
    every = of_one_task(settings)
    chosen, groups = {optimizer: group[0] for optimizer, group in best(every).items()}, by_optimizer(every)
    metric, factor = scale(every[0].metric, percent)
    found = [chosen[optimizer] for optimizer in groups if optimizer in chosen]
    names = dict(zip((setting.optimizer for setting in found), setting_names(found, every), strict=True))
    rows = []
    for optimizer, group in groups.items():
        results = results_of(chosen[optimizer], factor) if optimizer in chosen else [ABSENT] * 6
        diverged = f"{sum(num_with_status(each, 'diverged') > 0 for each in group)} of {len(group)}"
        rows.append([names.get(optimizer, f"{optimizer} (none finished)"), *results[:4], diverged, *results[4:]])
    columns = ["best setting", "n", f"val {metric}, best epoch", f"test {metric}", *DETAILS]
    notes = [MEANS, SELECTED, "diverged: settings with a diverged run, of all that were tried.", COSTS, SHARE]
    return Table(f"{every[0].runs[0].task}: best settings", columns, rows, notes, DETAILS)


def results_of(setting: Setting, factor: float) -> list[str]:
    """n, validation, test, epochs, seconds per epoch, optimizer's share."""
    found = [mean(setting.runs, lambda run, which=which: metric_of(run, which), factor) for which in ("best", "test")]
    return [str(len(setting.runs)), *found, epochs(setting.runs), *costs(setting.runs)]


def every_table(settings: Iterable[Setting], percent: bool = False) -> Table:
    """A row a setting, an optimizer's best first, and those with unfinished or diverged runs last.

    No test metrics: to read them setting by setting would be to select on the test set.
    """
    every = of_one_task(settings)
    names = dict(zip(map(id, every), setting_names(every), strict=True))
    metric, factor = scale(every[0].metric, percent)
    rows = []
    for group in by_optimizer(every).values():
        finished = [setting for setting in group if setting.finished]
        for setting in (*(ranked(finished) if finished else []), *(each for each in group if not each.finished)):
            done = [run for run in setting.runs if run.ending == "done"]
            found = [mean(done, lambda run, which=which: metric_of(run, which), factor) for which in ("best", "final")]
            reached = [*found, epochs(setting.runs), *costs(done)]
            rows.append([names[id(setting)], statuses(setting.runs), *reached])
    columns = ["setting", "runs", f"val {metric}, best epoch", f"val {metric}, last epoch", "epochs", "s/epoch"]
    notes = [
        "Means ± standard deviations (n - 1) over the runs that are done; best epoch: each run's.",
        COSTS,
        SHARE,
    ]
    return Table(f"{every[0].runs[0].task}: all settings", [*columns, "optimizer %"], rows, notes)


def of_one_task(settings: Iterable[Setting]) -> list[Setting]:
    """The settings as a list. Raises ValueError if there are none, or if they are of several tasks."""
    every = list(settings)
    tasks = sorted({setting.runs[0].task for setting in every})
    if len(tasks) != 1:
        raise ValueError(f"a table holds runs of one task, not of {', '.join(tasks) or 'none'}")
    return every


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
    """None where it was not measured: in a stack, or on a device without a clock."""
    seconds = run.status.get("seconds") or {}
    optimizer, training = seconds.get("optimizer"), seconds.get("train")
    return optimizer / training if optimizer is not None and training else None


def statuses(runs: Sequence[Run]) -> str:
    """`2 done, 1 diverged`."""
    return ", ".join(f"{times} {status}" for status, times in Counter(run.ending for run in runs).most_common())
