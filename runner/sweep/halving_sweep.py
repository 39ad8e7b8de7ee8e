"""The rungs of a sweep with sweep.halving=3, one after another: run, decide, record, and run what goes on.

A run that pauses at a rung keeps its checkpoint and has the status "stopped", so that the next rung, the same command
or one without halving goes on with it. What was decided after a rung is recorded in halving.json of the sweep's folder,
and the same command follows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from results.files import parse_json, read_file, write_json
from results.records import read_status
from results.status import FINISHED, STOPPED
from results.typed import read_dataclass
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.sweep.halving import (
    Bracket,
    Setting,
    best_of,
    brackets_of,
    competitors,
    has_reached,
    has_stopped_early,
    mean_value,
    num_halvings,
    settings_of,
)
from runner.sweep.launch import launch
from runner.sweep.plan import Job
from runner.sweep.settings import HalvingSettings
from runner.sweep.table import SweepTable
from runner.train.signals import STOPPED_BY_SIGNAL

FILE = "halving.json"
HALVING = "halving"  # what has stopped a run, in its status


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What was decided after a rung. rung: from 1. stopped: the settings that do not go on, with their mean values;
    None: of one with a run that has diverged or failed. failed: settings with a failed run, which the same command
    tries again before it decides anew."""

    rung: int
    go_on: Sequence[str]
    stopped: Mapping[str, float | None]
    failed: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Record:
    """The content of halving.json."""

    halving: int
    min_epochs: int
    brackets: str | None
    rungs: Sequence[Rung] = ()


class HalvingSweep:
    """A sweep of these jobs with successive halving. print_line: for the lines on the rungs.

    Raises ConfigError for runs that can't be halved.
    """

    def __init__(self, jobs: Sequence[Job], halving: HalvingSettings, print_line: Callable[[str], Any]) -> None:
        if any(job.checked_config.settings.rerun for job in jobs):
            raise ConfigError("rerun=true would start every run anew at each rung; remove the runs' folders instead")
        self.halving, self.print_line = halving, print_line
        self.settings = settings_of(jobs)
        groups = competitors(self.settings)
        self.halvings = num_halvings(groups, halving)
        self.brackets = brackets_of(groups, self.halvings, halving)
        self.stopped: dict[str, int] = {}  # rungs by the names of settings

    @property
    def num_rungs(self) -> int:
        return self.halvings + 1

    def run(self, launcher: Any, table: SweepTable, callbacks: Callbacks) -> int:
        """Run all rungs; return 0, or 128 + the signal that stopped the sweep."""
        table.rungs = {}
        for number in range(1, self.num_rungs + 1):
            jobs = self.jobs_of(number)
            self.print_line(self.announcement(number))
            if number < self.num_rungs and (recorded := self.recorded(table.folder, number)):
                self.follow(recorded, table)
                continue
            if jobs:
                table.begin(jobs)
                if (code := launch(jobs, launcher, table, callbacks)) > STOPPED_BY_SIGNAL:
                    return code
            if number < self.num_rungs:
                decided = self.decide(number)
                self.write(table.folder, decided)
                self.follow(decided, table)
        return 0

    def rung_settings(self, number: int) -> list[Setting]:
        """The settings that are in a rung."""
        return [setting for bracket in self.at_rung(number) for setting in bracket.settings]

    def at_rung(self, number: int) -> list[Bracket]:
        """The brackets that have begun by a rung, with the settings that are left."""
        behind = self.num_rungs - number
        return [bracket for bracket in self.brackets if bracket.start >= behind and bracket.settings]

    def epoch(self, setting: Setting, number: int) -> int:
        return setting.epoch(self.halving.eta, self.num_rungs - number)

    def jobs_of(self, number: int) -> list[Job]:
        """The jobs that have to train for a rung, in the sweep's order."""
        jobs = []
        for setting in self.rung_settings(number):
            epoch = self.epoch(setting, number)
            jobs += [job.paused_at(epoch, HALVING) for job in setting.jobs if not has_reached(job, epoch)]
        return sorted(jobs, key=lambda job: job.number)

    def announcement(self, number: int) -> str:
        """`rung 1 of 3: 27 settings to epoch 1`."""
        settings = self.rung_settings(number)
        epochs = sorted({self.epoch(setting, number) for setting in settings})
        runs = sum(len(setting.jobs) for setting in settings)
        with_seeds = f" ({runs} runs)" if runs != len(settings) else ""
        where = f" to epoch {' or '.join(map(str, epochs))}" if epochs else ""
        return f"rung {number} of {self.num_rungs}: {counted(len(settings))}{with_seeds}{where}"

    def decide(self, number: int) -> Rung:
        """Which settings go on after a rung. Those of brackets that begin later are not asked."""
        go_on, stopped, failed = [], {}, []
        for bracket in self.at_rung(number):
            epochs = {each.name: self.epoch(each, number) for each in bracket.settings}
            values = {each.name: mean_value(each, epochs[each.name]) for each in bracket.settings}
            over = {
                each.name
                for each in bracket.settings
                if all(has_stopped_early(job, epochs[each.name]) for job in each.jobs)
            }
            kept = {each.name for each in best_of(bracket, values, over, self.halving.eta)}
            go_on += [each.name for each in bracket.settings if each.name in kept]
            stopped |= {name: value for name, value in values.items() if name not in kept}
            failed += [each.name for each in bracket.settings if any(map(has_failed, each.jobs))]
        return Rung(rung=number, go_on=go_on, stopped=stopped, failed=failed)

    def follow(self, decided: Rung, table: SweepTable) -> None:
        """Leave out the settings that a decision stops."""
        asked = self.at_rung(decided.rung)
        self.brackets = [
            replace(bracket, settings=tuple(each for each in bracket.settings if each.name not in decided.stopped))
            if bracket in asked
            else bracket
            for bracket in self.brackets
        ]
        self.stopped |= dict.fromkeys(decided.stopped, decided.rung)
        rungs = {
            job.number: decided.rung for each in self.settings if each.name in decided.stopped for job in each.jobs
        }
        if table.rungs is not None:
            table.rungs |= {number: rung for number, rung in rungs.items() if table.rows[number]["status"] == STOPPED}
        table.write()
        of = len(decided.go_on) + len(decided.stopped)
        self.print_line(f"{len(decided.go_on)} of {of} go on")

    def recorded(self, folder: Path, number: int) -> Rung | None:
        """What an earlier command has decided after a rung; None where it has not, or with other settings."""
        record = self.read(folder)
        found = next((rung for rung in record.rungs if rung.rung == number), None)
        names = {setting.name for setting in self.rung_settings(number)}
        return found if found and not found.failed and {*found.go_on, *found.stopped} == names else None

    def read(self, folder: Path) -> Record:
        """halving.json of the sweep's folder; an empty one where it is missing or of another halving."""
        halving = self.halving
        empty = Record(halving=halving.eta, min_epochs=halving.fewest_epochs, brackets=halving.brackets)
        try:
            record = read_dataclass(Record, parse_json(read_file(folder / FILE), FILE), FILE)
        except (OSError, ValueError):
            return empty
        return record if replace(record, rungs=()) == empty else empty

    def write(self, folder: Path, decided: Rung) -> None:
        """Record a decision; those of later rungs were made on another one and are removed."""
        record = self.read(folder)
        earlier = [rung for rung in record.rungs if rung.rung < decided.rung]
        try:
            write_json(folder / FILE, asdict(replace(record, rungs=[*earlier, decided])))
        except OSError as error:
            raise ConfigError(f"outputs: can't write {folder}: {error.strerror}") from None

    def summary(self) -> str:
        """What was stopped, and the steps that it has saved."""
        lines = []
        if self.stopped:
            by_rung = Counter(self.stopped.values())
            where = ", ".join(f"{number} at rung {rung}" for rung, number in sorted(by_rung.items()))
            lines = [f"halving stopped {len(self.stopped)} of {counted(len(self.settings))}: {where}"]
        done, saved = steps_done_and_saved([job for setting in self.settings for job in setting.jobs])
        if done:
            share = f"{done / (done + saved):.0%}"
            lines.append(f"{done:,} steps in place of {done + saved:,} ({share}); sweep.halving={self.halving.eta}")
        return "\n".join(lines)


def has_failed(job: Job) -> bool:
    """Whether a run has come neither to its rung nor to a result: by an error, a killed process, or as it could not
    even start."""
    return (read_status(job.folder) or {}).get("status") not in (*FINISHED, STOPPED)


def steps_done_and_saved(jobs: Sequence[Job]) -> tuple[int, int]:
    """The steps of runs, and those that stopped ones were spared."""
    done = saved = 0
    for job in jobs:
        status, settings = read_status(job.folder) or {}, job.checked_config.settings
        done += status.get("steps_done", 0)
        if status.get("status") == STOPPED and status["epochs_done"]:
            saved += status["steps_done"] * (settings.epochs - status["epochs_done"]) // status["epochs_done"]
    return done, saved


def counted(settings: int) -> str:
    return f"{settings} setting{'s' * (settings != 1)}"
