"""Running the jobs of a sweep stacked: each group of runs that differ only in numbers, then all others."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import OutOfMemoryError

from results.values import first_line
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.sweep.local import run_parallel
from runner.sweep.plan import Job
from runner.sweep.run_job import OnEnd, run_sequentially
from runner.sweep.slots import process_slots
from runner.sweep.stacked.autotune import PROCESSES, choose_form
from runner.sweep.stacked.group import RunGroup
from runner.sweep.stacked.grouping import config_obstacle, group_runs
from runner.sweep.stacked.stacked_trainer import StackedTrainer
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted, StopRequest


@dataclass
class StackedSweep:
    """form: of StackedSteps, or auto: the fastest in a short trial. max_runs: the most in one program; None: all.

    print_line: for the lines that say which runs are stacked how, and which are not.
    """

    on_end: OnEnd
    callbacks: Callbacks
    form: str = "auto"
    max_runs: int | None = None
    print_line: Callable[[str], Any] = print_line
    parallel: list[Job] = field(default_factory=list)  # jobs that are faster in parallel processes
    not_stacked: list[Job] = field(default_factory=list)  # jobs that can't be

    def run(self, jobs: Sequence[Job]) -> int:
        """Run all jobs; return 0, or 128 + the signal that stopped the sweep."""
        with StopRequest():  # also between the parts
            return self.run_groups(jobs) or self.run_others()

    def run_groups(self, jobs: Sequence[Job]) -> int:
        groups = [
            [jobs[i] for i in group] for group in group_runs([job.checked_config for job in jobs]) if len(group) > 1
        ]
        in_group = {job.number for group in groups for job in group}
        self.not_stacked = [job for job in jobs if job.number not in in_group]
        for group in groups:
            for part in split(group, self.max_runs):
                if code := self.run_group(part):
                    return code
        return 0

    def run_others(self) -> int:
        """Run the jobs that are not stacked: in parallel processes where there are several and the machine has cores
        or GPUs for more than one at a time."""
        for reason in sorted({config_obstacle(job.checked_config) for job in self.not_stacked} - {""}):
            self.print_line(f"not stacked: {reason}")
        jobs = sorted([*self.parallel, *self.not_stacked], key=lambda job: job.number)
        if not jobs:
            return 0
        settings = jobs[0].checked_config.settings
        slots = process_slots(None, 1, settings.device, settings.threads)
        if len(jobs) > 1 and len(slots) > 1:
            return run_parallel(jobs, self.on_end, slots, self.callbacks)
        return run_sequentially(jobs, self.on_end, self.callbacks)

    def run_group(self, jobs: list[Job]) -> int:
        """Train jobs as one program, and note those that must be run in another way; return as `run` does."""
        group = RunGroup(jobs, self.on_end, self.callbacks)
        try:
            with group:
                for trainer in group.trainers():
                    if self.choose_form(trainer) == PROCESSES:
                        self.parallel += group.jobs_of(trainer)
                    else:
                        trainer.fit()
            return 0
        except Interrupted as stopped:
            return stopped.exit_code
        except Exception as error:  # of any kind: what a model can't do under vmap it may do by itself
            if group.stop.number:
                return STOPPED_BY_SIGNAL + group.stop.number
            if isinstance(error, OutOfMemoryError) and len(jobs) > 1:
                return self.run_halves(group.unfinished())
            self.report(error, group)
        self.not_stacked += group.unfinished()
        return 0

    def report(self, error: Exception, group: RunGroup) -> None:
        """Print why the runs of a group are not stacked."""
        if isinstance(error, ConfigError):
            self.print_line(f"not stacked: {error}")
            return
        group.log(traceback.format_exc())
        reason = f"{type(error).__name__}: {first_line(error)}"
        self.print_line(f"not stacked: {reason}; these runs are trained by themselves")

    def run_halves(self, jobs: list[Job]) -> int:
        self.print_line(f"{len(jobs)} runs don't fit into memory as one program; training two halves")
        for half in split(jobs, max(1, len(jobs) // 2)):
            if code := self.run_group(half):
                return code
        return 0

    def choose_form(self, trainer: StackedTrainer) -> str:
        """Set the form of the program and return it, or PROCESSES; print a choice that was made by timing."""
        if self.form != "auto":
            trainer.steps.form = self.form
            return self.form
        config = trainer.members[0].config
        choice = choose_form(trainer, len(process_slots(None, 1, trainer.device, config.settings.threads)))
        self.print_line(f"{len(trainer.members)} runs of {config.model.name} stacked: {choice}")
        if choice.form != PROCESSES:
            trainer.steps.form = choice.form
        return choice.form


def split(jobs: list[Job], size: int | None) -> list[list[Job]]:
    """Parts of at most `size` jobs; None: one part."""
    size = size or len(jobs)
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]
