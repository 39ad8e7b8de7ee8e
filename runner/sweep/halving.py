"""sweep.halving=3: successive halving of a sweep's settings, as plain decisions on their values.

All settings train to a first rung, an epoch; the best 1/eta of them, rounded up, go on to the next; the last rung is
the run's own last epoch. A setting is its runs with different seeds, which go on or stop together, by the mean of the
best validation metric that each has reached up to the rung. Settings compete within one optimizer (its wrappers and
parameter groups included), network, task and data set, so that no method of a comparison is lost.

Rungs: epochs / eta^k, rounded, for k = K, ..., 1, 0. K is the largest for which the first rung has min_epochs, but no
larger than it takes to come down to one setting.

Sources: Jamieson and Talwalkar, AISTATS 2016, algorithm 1; Li et al., "Hyperband", JMLR 18 (2018), algorithm 1.
Deviations: the number that goes on is rounded up, not down, and at least one; the settings are those of the sweep, and
are not drawn, so that Hyperband's brackets divide them.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from results.metrics import read_rows
from results.paths import METRICS
from results.records import read_status
from results.signature import digest
from results.status import STOPPED, is_finished
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.sweep.plan import Job
from runner.sweep.settings import HalvingSettings


@dataclass(frozen=True)
class Setting:
    """The runs of a sweep that differ in the seed only. name: of their folder, `digits/adam,lr=0.1/182bbd22`."""

    name: str
    jobs: tuple[Job, ...]

    @property
    def config(self) -> Config:
        """Of its first run."""
        return self.jobs[0].checked_config

    def epoch(self, eta: int, k: int) -> int:
        """The epoch of the rung that has k rungs behind it: its epochs / eta^k, rounded half up."""
        settings, divisor = self.config.settings, eta**k
        return settings.first_epoch + (2 * settings.epochs_to_train + divisor) // (2 * divisor)


@dataclass(frozen=True)
class Bracket:
    """Settings that compete. start: the number of rungs behind their first one."""

    start: int
    settings: tuple[Setting, ...]


def settings_of(jobs: Sequence[Job]) -> list[Setting]:
    """The settings of jobs, in the order of their first runs."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault("/".join(job.folder.parts[-4:-1]), []).append(job)
    return [Setting(name, tuple(each)) for name, each in found.items()]


def competitors(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Settings by what they compete within."""
    found: dict[str, list[Setting]] = {}
    for setting in settings:
        plain = setting.config.plain
        names = [plain["optim"]["name"], list(plain.get("wrap") or {}), list(plain.get("groups") or {})]
        key = json.dumps([plain["task"], plain["data"], plain["model"]["name"], names], sort_keys=True, default=str)
        found.setdefault(key, []).append(setting)
    return list(found.values())


def num_halvings(groups: Sequence[Sequence[Setting]], halving: HalvingSettings) -> int:
    """K, the number of rungs before the last; ConfigError where there is none."""
    eta, fewest = halving.eta, halving.fewest_epochs
    epochs = min(setting.config.settings.epochs_to_train for group in groups for setting in group)
    by_length = by_number = 0
    while fewest * eta ** (by_length + 1) <= epochs:
        by_length += 1
    while eta**by_number < max(map(len, groups)):
        by_number += 1
    if not by_number:
        raise ConfigError(f"sweep.halving={eta}: every optimizer has one setting only; give it several to choose from")
    if not by_length:
        raise ConfigError(
            f"sweep.halving={eta} can't stop runs of {epochs} epochs: the first rung is at epochs/{eta}, and "
            f"sweep.min_epochs={fewest}; give epochs={fewest * eta} or more"
        )
    return min(by_length, by_number)


def brackets_of(groups: Sequence[Sequence[Setting]], halvings: int, halving: HalvingSettings) -> list[Bracket]:
    """The brackets of a sweep: one a group, or Hyperband's, over which a group is divided."""
    if halving.brackets != "hyperband":
        return [Bracket(halvings, tuple(group)) for group in groups]
    return [bracket for group in groups for bracket in hyperband(group, halvings, halving.eta)]


def hyperband(group: Sequence[Setting], halvings: int, eta: int) -> list[Bracket]:
    """Hyperband's brackets, those with the earliest first rung first.

    The paper draws ceil((K + 1) / (s + 1) * eta^s) settings for the bracket that starts with s rungs behind its first.
    In these proportions (largest remainders) the group's settings are dealt out, in an order that their names decide.
    """
    starts = range(halvings, -1, -1)
    weights = [ceil((halvings + 1) / (s + 1) * eta**s) for s in starts]
    shares = [len(group) * weight / sum(weights) for weight in weights]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (counts[i] - shares[i], i))
    for i in by_remainder[: len(group) - sum(counts)]:
        counts[i] += 1
    shuffled, brackets = sorted(group, key=lambda setting: digest(setting.name)), []
    for start, count in zip(starts, counts, strict=True):
        if count:
            brackets.append(Bracket(start, tuple(shuffled[:count])))
        shuffled = shuffled[count:]
    return brackets


def best_of(bracket: Bracket, values: Mapping[str, float | None], over: set[str], eta: int) -> list[Setting]:
    """The settings that go on after a rung, in their order.

    values: by the settings' names; None: one of its runs has diverged, failed or has no finite value, and the setting
    does not go on. over: names of settings whose runs early stopping has ended; they have their results and take no
    place.
    """
    places = ceil(len(bracket.settings) / eta)
    going = [each for each in bracket.settings if values[each.name] is not None and each.name not in over]
    sign = -1 if bracket.settings[0].config.task.better == "max" else 1
    ranked = sorted(going, key=lambda each: sign * (values[each.name] or 0.0))  # stable: ties go to the first
    kept = {each.name for each in ranked[:places]}
    return [each for each in going if each.name in kept]


def mean_value(setting: Setting, epoch: int) -> float | None:
    """The mean of the runs' values at an epoch; None where one has none."""
    values = [value for job in setting.jobs if (value := value_at(job, epoch)) is not None]
    return statistics.fmean(values) if len(values) == len(setting.jobs) else None


def value_at(job: Job, epoch: int) -> float | None:
    """A run's best validation metric of its epochs up to this one; None if it did not come to it, or has diverged.

    It depends on these epochs only, however far the run has come since. A run that early stopping has ended counts.
    """
    status, task = read_status(job.folder) or {}, job.checked_config.task
    validated = [row for row in epoch_rows(job.folder) if row["epoch"] <= epoch and task.metric in row]
    diverged = status.get("diverged")
    if not validated or (diverged and diverged["epoch"] <= epoch):
        return None
    if validated[-1]["epoch"] < epoch and not has_stopped_early(job, epoch):
        return None
    values = [row[task.metric] for row in validated]
    return max(values) if task.better == "max" else min(values)


def epoch_rows(folder: Path) -> list[dict]:
    """The rows of validation, one an epoch."""
    return [row for row in read_rows(folder / METRICS) if row.get("split") == "val" and row.get("per") == "epoch"]


def has_stopped_early(job: Job, epoch: int) -> bool:
    """Whether early stopping (`patience`) has ended a run by this epoch."""
    status = read_status(job.folder) or {}
    return status.get("status") == "done" and bool(status.get("stopped_early")) and status["epochs_done"] <= epoch


def has_reached(job: Job, epoch: int) -> bool:
    """Whether a run need not be started for a rung: it was stopped at this epoch or later, or is finished."""
    status, config = read_status(job.folder) or {}, job.checked_config
    if is_finished(status, config.task.metric):
        return True
    is_last = epoch >= config.settings.epochs
    return not is_last and status.get("status") == STOPPED and status["epochs_done"] >= epoch
