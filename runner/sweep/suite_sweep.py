"""`-m suite=quick optim=mine`: the runs of a suite's tasks, in two stages, for each optimizer that is given.

    tuning    each task with each of the suite's trials, settings of the optimizer's search space, with the first seed
    seeds     each task with the trial that was best on validation, with the other seeds

suite.json in outputs/suites/<suite> names the runs; the same command goes on where an earlier one has stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from results.labels import optimizer_name
from results.records import read_status
from results.signature import changes_results
from results.suite import Suite, SuiteTask, read_suite, suite_names
from results.suite_runs import Manifest, SearchedRange, write_manifest
from results.values import first_line, flat
from runner.callbacks import Callbacks
from runner.cli.overrides import hydra_override
from runner.config.errors import ConfigError, data_errors
from runner.config.schema import Config
from runner.config.search_space import space_of, trial_overrides
from runner.config.validate import validate
from runner.sweep.composer import Composer
from runner.sweep.grid import override_values
from runner.sweep.halving_sweep import HalvingSweep
from runner.sweep.launch import check_launcher, launch
from runner.sweep.plan import REFUSED, REPEATED, RESUME, TODO, Job, common_outputs, plan_jobs, plan_summary
from runner.sweep.settings import GridSettings, HalvingSettings
from runner.sweep.table import SweepTable
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL

#: keys of the command line, beside those that change no result, that a suite takes for all its runs
TAKEN = ("wrap", "groups", "backend", "compile", "deterministic")
Compose = Callable[[Sequence[str]], dict[str, Any]]
QUIET = ("++logger=[]",)  # of hundreds of runs; the suite's page has their curves


@dataclass(frozen=True)
class Combination:
    """One optimizer on one task. settings: the overrides of its trials but for the seed."""

    task: str
    optimizer: str
    settings: Sequence[Sequence[str]]


def run_suite(
    overrides: list[str],
    config_loader: Any,
    sweep_config: Any,
    launcher: Any,
    settings: GridSettings,
    callbacks: Callbacks,
    halving: HalvingSettings | None = None,
) -> int:
    """Run what is not done yet of the suite that the settings name; return the exit code. For the other arguments see
    runner.sweep.main.

    Raises ConfigError for an unknown suite, for overrides that it decides itself, and if every run is refused.
    """
    name = settings.suite or ""
    if settings.grid is not None or settings.budget_s is not None:
        other = "--budget" if settings.budget_s is not None else f"sweep={settings.grid}"
        raise ConfigError(f"{other} has no place beside suite={name}, which has its own runs; leave one of them out")
    suite = suite_of(name)
    check_launcher(launcher)
    composer = Composer(config_loader, sweep_config)
    optimizers, given = split_overrides(overrides, composer.parser, name)
    tasks = available_tasks(suite, given, composer)
    sweep = SuiteSweep(name, suite, tasks, combinations(suite, tasks, optimizers, given), composer, launcher, callbacks)
    return sweep.run(halving)


def suite_of(name: str) -> Suite:
    try:
        return read_suite(name)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def split_overrides(overrides: Sequence[str], parser: Any, suite: str) -> tuple[list[str], list[str]]:
    """The optimizers, and the overrides of all runs."""
    optimizers, given = [], []
    for override in parser.parse_overrides(list(overrides)):
        key, values = override_values(override)
        plain = key.lstrip("+~")
        if plain == "optim":
            optimizers = [value.partition("=")[2] for value in values]
        elif plain == "seed" or not (plain.partition(".")[0] in TAKEN or not changes_results(plain)):
            raise ConfigError(
                f"{plain}= has no place beside suite={suite}, which gives the tasks, their lengths and seeds and tunes "
                f"every optimizer by its own search space; what can be given is optim=, {', '.join(TAKEN[:2])}, and "
                "keys that change no result, such as outputs"
            )
        elif len(values) > 1:
            raise ConfigError(f"{plain}= has several values; beside suite={suite} only optim= can")
        else:
            given += values
    if not optimizers:
        raise ConfigError(f"suite={suite} compares optimizers: add optim=NAME, or several, such as optim=sgd,adam")
    return optimizers, given


def available_tasks(suite: Suite, given: Sequence[str], composer: Compose) -> dict[str, SuiteTask]:
    """The suite's tasks, with another in the place of one whose files are not there; a line says so."""
    missing: dict[str, str] = {}
    for name, task in suite.tasks.items():
        words = [*suite.shared, *task.words(), *given]
        if task.has_files and (reason := missing_files(composer([*map(forced, words)]))):
            missing[name] = reason
    for name, reason in missing.items():
        stand_in = next((other for other, task in suite.tasks.items() if task.instead_of == name), None)
        instead = f"{stand_in} in its place" if stand_in else "left out"
        print_line(f"{name}: {instead}, as its data are not there ({reason})")
    return {
        name: task
        for name, task in suite.tasks.items()
        if name not in missing and (task.instead_of is None or task.instead_of in missing)
    }


def missing_files(composed: dict[str, Any]) -> str:
    """Why a run's data set can't be read; empty if it can."""
    data = validate(composed).data
    try:
        with data_errors(data.name):
            problems = [each.problem for each in data.check() if each.problem]
    except ConfigError as error:
        return first_line(error).partition(". ")[0]
    return problems[0] if problems else ""


def combinations(
    suite: Suite, tasks: Mapping[str, SuiteTask], optimizers: Iterable[str], given: Sequence[str]
) -> list[Combination]:
    """Every optimizer on every task. Raises ConfigError for an unknown optimizer."""
    trials = {name: [trial_overrides(name, k) for k in range(suite.trials)] for name in optimizers}
    quiet = [word for word in QUIET if not any(each.lstrip("+").startswith("logger=") for each in given)]
    found = []
    for name, task in tasks.items():
        words = [*map(forced, (*suite.shared, *task.words(), *quiet, *given))]
        for optimizer, numbers in trials.items():
            settings = [[f"optim={optimizer}", *words, *map(forced, each)] for each in numbers]
            found.append(Combination(name, optimizer, settings))
    return found


def forced(word: str) -> str:
    """A value, not a choice of a group, as the command line forces it in (runner/cli/overrides.py)."""
    return word if word[0] in "+~" else hydra_override(word)[0]


class SuiteSweep:
    """The runs of one command."""

    def __init__(
        self,
        name: str,
        suite: Suite,
        tasks: Mapping[str, SuiteTask],
        combinations: Sequence[Combination],
        composer: Compose,
        launcher: Any,
        callbacks: Callbacks,
    ) -> None:
        self.name, self.suite, self.tasks, self.combinations = name, suite, tasks, combinations
        self.composer, self.launcher, self.callbacks = composer, launcher, callbacks
        self.jobs: list[Job] = []
        self.rungs: dict[int, int] | None = None  # SweepTable.rungs of the first stage
        self.places: dict[int, tuple[Combination, int]] = {}  # of jobs, by number: combination and trial

    def run(self, halving: HalvingSettings | None) -> int:
        """Both stages; return 0, 1 if a run failed, or 128 + the signal that stopped it."""
        first, *others = self.suite.seeds
        # the defaults first, so that the time that each task takes is known early
        tuning = self.plan(
            (each, trial, first)
            for trials in ((0,), range(1, self.suite.trials))
            for each in self.combinations
            for trial in trials
        )
        if all(job.state == REFUSED for job in tuning):
            print_line(plan_summary(tuning))
            raise ConfigError(f"every run of suite={self.name} is refused")
        configs = [job.checked_config for job in tuning if job.state != REFUSED]
        self.folder = common_outputs(configs) / "suites" / Path(self.name).stem
        print_line(self.announcement())
        code = self.train(tuning, halving, self.to_come(tuning))
        if code <= STOPPED_BY_SIGNAL:
            best = [(each, trial) for each in self.combinations if (trial := self.best_trial(each)) is not None]
            code = max(code, self.train(self.plan((*each, seed) for each in best for seed in others), None))
        print_line(self.summary())
        return code

    def plan(self, runs: Iterable[tuple[Combination, int, int]]) -> list[Job]:
        """Jobs of (combination, trial, seed), added to those of the suite."""
        places = list(runs)
        words = [[*each.settings[trial], f"++seed={seed}"] for each, trial, seed in places]
        jobs = [replace(job, number=job.number + len(self.jobs)) for job in plan_jobs(words, self.composer)]
        for job, (each, trial, _) in zip(jobs, places, strict=True):
            self.places[job.number] = (each, trial)
        self.jobs += jobs
        return jobs

    def announcement(self) -> str:
        optimizers = {each.optimizer for each in self.combinations}
        suite, num_tasks = self.suite, len(self.tasks)
        return (
            f"suite={self.name}: {num_tasks} tasks x {len(optimizers)} optimizer{'s' * (len(optimizers) > 1)} x "
            f"{suite.trials} settings, then {len(suite.seeds)} seeds of the best: "
            f"{len(optimizers) * suite.num_runs(num_tasks)} runs"
        )

    def to_come(self, tuning: Iterable[Job]) -> list[Config]:
        """Of the second stage's runs of what is still to be tuned, with the settings of any trial."""
        some: dict[tuple[str, str], Config] = {}
        for job in tuning:
            if job.state in (TODO, RESUME):
                combination, _ = self.places[job.number]
                some[combination.task, combination.optimizer] = job.checked_config
        return [config for config in some.values() for _ in self.suite.seeds[1:]]

    def train(self, jobs: Sequence[Job], halving: HalvingSettings | None, to_come: Sequence[Config] = ()) -> int:
        """Run the jobs that are not done. to_come: what will be run after them."""
        if not jobs:
            return 0
        print_line(plan_summary(jobs))
        self.write_manifest()
        valid = [job for job in jobs if job.state not in (REFUSED, REPEATED)]
        table = SweepTable(self.jobs, self.folder, print_line)
        table.to_come = to_come
        callbacks = Callbacks()  # no pictures of each run
        if halving and valid:
            code = HalvingSweep(valid, halving, print_line).run(self.launcher, table, callbacks)
            self.rungs = table.rungs
        else:
            table.rungs = self.rungs
            remaining = [job for job in valid if job.state in (TODO, RESUME)]
            table.begin(remaining)
            code = launch(remaining, self.launcher, table, callbacks) if remaining else 0
        return code if code > STOPPED_BY_SIGNAL else table.exit_code()

    def best_trial(self, combination: Combination) -> int | None:
        """The trial with the best validation metric among those that are done; None without one. Ties: the first."""
        task, found = self.tasks[combination.task], {}
        for job in self.jobs:
            owner, trial = self.places[job.number]
            if owner is combination and job.state not in (REFUSED, REPEATED):
                status = read_status(job.folder) or {}
                value = (status.get("best") or {}).get(task.metric)
                if status.get("status") == "done" and value is not None:
                    found[trial] = -value if task.better == "max" else value
        return min(found, key=found.__getitem__, default=None)

    def write_manifest(self) -> None:
        outputs = self.folder.parents[1]
        runs: dict[str, list[str]] = {name: [] for name in self.tasks}
        spaces: dict[str, dict[str, SearchedRange]] = {}
        for job in self.jobs:
            if job.state == REFUSED:
                continue
            combination, _ = self.places[job.number]
            runs[combination.task].append(relative(job.folder, outputs))
            name = optimizer_name(flat(job.checked_config.plain))
            if name not in spaces:
                found = space_of(combination.optimizer).items()
                spaces[name] = {key: SearchedRange(low=r.low, high=r.high, scale=r.scale) for key, r in found}
        definitions = {name: task.definition(self.suite.shared) for name, task in self.tasks.items()}
        name = self.name if self.name in suite_names() else os.path.abspath(self.name)
        manifest = Manifest(suite=name, definitions=definitions, spaces=spaces, runs=runs)
        try:
            write_manifest(self.folder, manifest)
        except OSError as error:
            raise ConfigError(f"outputs: can't write {self.folder}: {error.strerror}") from None

    def summary(self) -> str:
        """What on_suite_end returns. Its error is one line: the runs are done."""
        try:
            return self.callbacks.on_suite_end(self.folder)
        except Exception as error:
            return f"the suite's page was not made: {type(error).__name__}: {first_line(error)}"


def relative(folder: Path, outputs: Path) -> str:
    return folder.absolute().relative_to(outputs.absolute()).as_posix()
