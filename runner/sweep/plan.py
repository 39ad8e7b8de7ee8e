"""The plan of a sweep, made before anything starts: which runs are done, to resume, to do, and refused."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from results.earlier_code import EarlierRun, runs_by_other_code, summarise
from results.paths import LAST
from results.records import read_status
from results.status import STOPPED, is_finished
from runner.config.errors import ConfigError
from runner.config.schema import Config, Pause
from runner.config.validate import validate

DONE, RESUME, TODO, REFUSED, REPEATED = "done", "to resume", "to do", "refused", "repeated"


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    number: its position in the sweep. state: DONE, RESUME, TODO, REFUSED (config is None and `error` is the reason),
    or REPEATED (an earlier job of the sweep has the same folder).
    """

    number: int
    overrides: tuple[str, ...]
    state: str
    config: Config | None = None
    error: str = ""

    @property
    def checked_config(self) -> Config:
        """The configuration of a job that is not refused."""
        assert self.config is not None
        return self.config

    @cached_property
    def folder(self) -> Path:
        """As planned; it is asked for at each look at the sweep, and its signature takes a millisecond."""
        return self.checked_config.run_path

    def paused_at(self, epoch: int, by: str) -> Job:
        """The same job, to be trained to an epoch only; of its own last epoch, as it is."""
        config = self.checked_config
        return replace(self, config=replace(config, pause=Pause(epoch, by) if epoch < config.settings.epochs else None))

    def runs_by_other_code(self) -> list[EarlierRun]:
        return runs_by_other_code(self.folder, self.checked_config.plain, self.checked_config.code)


def plan_jobs(runs: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], dict[str, Any]]) -> list[Job]:
    """Compose and check every run, given by its overrides, and read how far it has come.

    A ConfigError refuses its run only.
    """
    jobs: list[Job] = []
    folders: set[Path] = set()
    for number, overrides in enumerate(runs):
        try:
            config = validate(compose(overrides), overrides)
        except ConfigError as error:
            jobs.append(Job(number, tuple(overrides), REFUSED, error=str(error)))
            continue
        folder = config.run_path
        state = REPEATED if folder in folders else state_of(config, folder)
        folders.add(folder)
        jobs.append(Job(number, tuple(overrides), state, config))
    return jobs


def state_of(config: Config, folder: Path) -> str:
    """DONE, RESUME or TODO, by the files of the run's folder."""
    status = read_status(folder)
    if is_finished(status, config.task.metric) and not config.settings.rerun:
        return DONE
    return RESUME if status and (folder / LAST).exists() else TODO


def with_stopped(jobs: Sequence[Job]) -> list[Job]:
    """Jobs with the state STOPPED where an earlier command has stopped them early; whether they are to be resumed is
    not planned, but decided at the rungs."""
    return [replace(job, state=STOPPED) if job.state == RESUME and is_stopped(job) else job for job in jobs]


def is_stopped(job: Job) -> bool:
    return (read_status(job.folder) or {}).get("status") == STOPPED


def plan_summary(jobs: Sequence[Job]) -> str:
    """How many runs are in each state, and the reasons of those that are refused."""
    counts = Counter(job.state for job in jobs)
    parts = [f"{counts[state]} {state}" for state in (DONE, STOPPED, RESUME, TODO, REPEATED, REFUSED) if counts[state]]
    lines = [f"{run_count(jobs)}: {', '.join(parts)}"]
    new = [job for job in jobs if job.state == TODO]
    if earlier := summarise(each for job in new for each in job.runs_by_other_code()):
        lines.append(earlier)
    by_reason = defaultdict(list)
    for job in jobs:
        if job.state == REFUSED:
            by_reason[job.error].append(job)
    lines += [f"refused: {describe_refused(refused, jobs)}: {error}" for error, refused in by_reason.items()]
    if any(" is not a key" in error for error in by_reason):
        lines.append("Give each optimizer its own keys with a file of grids: sweep=NAME, see configs/sweep.")
    return "\n".join(lines)


def describe_refused(refused: Sequence[Job], jobs: Sequence[Job]) -> str:
    """Refused runs by the overrides that they share and other runs of the sweep lack: `4 runs with optim=momentum`."""
    common = set.intersection(*(set(job.overrides) for job in refused))
    everywhere = set.intersection(*(set(job.overrides) for job in jobs))
    distinctive = [override.lstrip("+") for override in refused[0].overrides if override in common - everywhere]
    return f"{run_count(refused)} with {' '.join(distinctive)}" if distinctive else run_count(refused)


def run_count(jobs: Sequence[Job]) -> str:
    return f"{len(jobs)} run{'s' if len(jobs) != 1 else ''}"


def common_outputs(configs: Sequence[Config]) -> Path:
    """The deepest folder that holds the results of all runs, relative to the current folder where it lies below it."""
    roots = [os.path.abspath(os.path.expanduser(config.settings.outputs)) for config in configs]
    common = Path(os.path.commonpath(roots))
    try:
        return common.relative_to(Path.cwd())
    except ValueError:
        return common
