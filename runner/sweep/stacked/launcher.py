"""The launcher `stacked`: runs that differ only in numbers train as one program, the rest one after another."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from results.paths import ENVIRONMENT, LOG, STATUS
from results.run_folder import RunFolder
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.sweep.local import places, run_parallel
from runner.sweep.plan import Job
from runner.sweep.run_job import run_sequentially
from runner.sweep.stacked.grouping import groups, stackable, unfit
from runner.train.signals import Interrupted, StopRequest
from runner.train.status import write_status

if TYPE_CHECKING:
    from runner.sweep.stacked.stack import Stack
    from runner.sweep.stacked.trainer import StackedTrainer

Ended = Callable[..., None]
Say = Callable[[str], Any]


@dataclass
class Stacked:
    """form: auto (by a short trial), vmap, autograd or compile. max_runs: the most in one program; None: all."""

    form: str
    max_runs: int | None
    say: Say
    faster_apart: list[Job] = field(default_factory=list)  # runs that the trial sent to processes of their own

    def run(self, jobs: Sequence[Job], ended: Ended, callbacks: Callbacks) -> int:
        """Run all jobs; return 0, or 128 + the signal that stopped the sweep."""
        configs = [job.config for job in jobs if job.config]
        together = [[jobs[i] for i in group] for group in groups(configs) if len(group) > 1]
        stacked = {job.number for group in together for job in group}
        rest = [job for job in jobs if job.number not in stacked]
        for group in together:
            for part in parts(group, self.max_runs):
                code, left = self.run_group(part, ended, callbacks)
                if code:
                    return code
                rest += left
        if self.faster_apart:
            settings = self.faster_apart[0].config.settings  # type: ignore[union-attr]
            where = places(None, 1, settings.device, settings.threads)
            if code := run_parallel(self.faster_apart, ended, where, callbacks):
                return code
        for reason in sorted({stackable(job.config) for job in rest if job.config} - {""}):
            self.say(f"not stacked: {reason}")
        return run_sequentially(rest, ended, callbacks)

    def run_group(self, jobs: list[Job], ended: Ended, callbacks: Callbacks) -> tuple[int, list[Job]]:
        """Train jobs as one program; return the exit code and the jobs that must be run another way."""
        from torch import OutOfMemoryError

        group = Group(jobs, ended, callbacks)
        try:
            with group:
                group.open()
                for stack in group.stacks():
                    if self.prepared(stack) == "processes":
                        self.faster_apart += group.jobs_of(stack)
                    else:
                        stack.train()
            return 0, []
        except Interrupted as stopped:
            return stopped.exit_code, []
        except ConfigError as error:
            self.say(f"not stacked: {error}")
        except OutOfMemoryError:
            if len(jobs) > 1:
                return self.run_halves(group.unfinished(), ended, callbacks)
            raise
        except Exception as error:  # whatever a network can't do under vmap it may do alone
            group.note(traceback.format_exc())
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.say(f"not stacked: {type(error).__name__}: {reason}; these runs go on one after another")
        return 0, group.unfinished()

    def run_halves(self, jobs: list[Job], ended: Ended, callbacks: Callbacks) -> tuple[int, list[Job]]:
        self.say(f"{len(jobs)} runs don't fit into memory as one program; two halves do their work")
        left: list[Job] = []
        for part in parts(jobs, max(1, len(jobs) // 2)):
            code, more = self.run_group(part, ended, callbacks)
            left += more
            if code:
                return code, left
        return 0, left

    def prepared(self, stack: Stack) -> str:
        """Choose and set the stack's form; say which and why."""
        from runner.sweep.stacked.autotune import choose

        if self.form != "auto":
            stack.program.form = self.form
            return self.form
        settings = stack.first.settings
        choice = choose(stack, len(places(None, 1, str(stack.samples.train.device), settings.threads)))
        self.say(f"{len(stack.runs)} runs of {stack.first.config.model.name} together: {choice}")
        if choice.form != "processes":
            stack.program.form = choice.form
        return choice.form


@dataclass
class Group:
    """The open folders and trainers of runs that are to be stacked."""

    jobs: list[Job]
    ended: Ended
    callbacks: Callbacks
    runs: list[StackedTrainer] = field(default_factory=list)
    done: set[int] = field(default_factory=set)

    def __enter__(self) -> Group:
        self.closing = contextlib.ExitStack()
        self.stop = self.closing.enter_context(StopRequest())
        return self

    def __exit__(self, *error: object) -> None:
        for run in self.runs:
            if not run.over:
                run.metrics.close()
                run.metrics.loggers.close("interrupted")  # it goes on alone, or with the next command
        if isinstance(error[1], Interrupted):
            for job, run in zip(self.jobs, self.runs, strict=True):
                if not run.over:
                    write_status(run.folder, run.task, "interrupted", run.progress)
                    self.ended(job, error[1].exit_code)
        self.closing.close()

    def open(self) -> None:
        """Set every run up, as far as it has come."""
        from data.samples import Part
        from runner.sweep.stacked.trainer import StackedTrainer
        from runner.train.build import build_trainer
        from runner.train.console import Console
        from runner.train.prepare import load_samples, prepare_torch
        from runner.train.run import open_folder

        first = self.jobs[0].config
        assert first is not None
        device = prepare_torch(first)
        self.samples = load_samples(first).to(device)
        for job in self.jobs:
            assert job.config is not None
            folder = RunFolder(job.folder)
            open_folder(folder)
            self.closing.callback(folder.close)
            status = folder.read_json(STATUS) or {}
            if job.config.settings.rerun and status.get("status") not in ("running", "interrupted"):
                folder.clear()
            console = self.closing.enter_context(contextlib.closing(Console(folder.path / LOG, "none", quiet=True)))
            run = build_trainer(
                job.config, folder, self.samples, device, console, self.stop, trainer_class=StackedTrainer
            )
            self.runs.append(run)  # type: ignore[arg-type]
            known = folder.read_json(ENVIRONMENT) or {}
            folder.write_json(ENVIRONMENT, {**known, "stacked": len(self.jobs)})
        if reason := unfit(self.runs[0].model, isinstance(self.samples.train, Part)):
            raise ConfigError(f"model={first.model.name}: {reason}")

    def stacks(self) -> list[Stack]:
        """A stack for each step at which runs stand: after a kill they need not all stand at the same."""
        from runner.sweep.stacked.stack import Stack

        by_step: dict[int, list[StackedTrainer]] = {}
        for run in self.runs:
            by_step.setdefault(run.progress.step, []).append(run)
        return [Stack(runs, self.samples, self.stop, self.finish) for runs in by_step.values()]

    def finish(self, run: StackedTrainer) -> None:
        """Test a run that has ended and write its results."""
        from runner.train.run import train

        job = self.jobs[self.runs.index(run)]
        code = 0
        try:
            train(run, run.console, self.callbacks)
        except Exception:
            run.console.log(traceback.format_exc())
            write_status(run.folder, run.task, "failed", run.progress)
            run.metrics.loggers.close("failed")
            code = 1
        self.done.add(job.number)
        self.ended(job, code)

    def jobs_of(self, stack: Stack) -> list[Job]:
        return [job for job, run in zip(self.jobs, self.runs, strict=True) if run in stack.runs]

    def unfinished(self) -> list[Job]:
        return [job for job in self.jobs if job.number not in self.done]

    def note(self, text: str) -> None:
        """Into every unfinished run's log.txt, which is closed by now."""
        for job in self.unfinished():
            with open(job.folder / LOG, "a", encoding="utf-8") as log:
                log.write(text)


def parts(jobs: list[Job], most: int | None) -> list[list[Job]]:
    size = most or len(jobs)
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]
