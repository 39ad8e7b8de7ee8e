"""A group of runs that train as one program: their folders, consoles and trainers, open while the group trains."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from results.paths import ENVIRONMENT, LOG
from results.records import read_environment
from results.run_folder import RunFolder
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError, RunInProgressError
from runner.sweep.plan import Job
from runner.sweep.run_job import RUNNING_ELSEWHERE, OnEnd
from runner.sweep.stacked.grouping import model_obstacle, samples_obstacle
from runner.sweep.stacked.member_trainer import MemberTrainer
from runner.sweep.stacked.stacked_trainer import StackedTrainer
from runner.train.build import build_trainer
from runner.train.console import Console
from runner.train.distributed import SINGLE_PROCESS
from runner.train.failure import Failure
from runner.train.prepare import load_training_samples, prepare_torch
from runner.train.run import clear_for_rerun, open_folder, show_finished, train
from runner.train.signals import STOPPED_BY_SIGNAL, StopRequest
from runner.train.status import write_status


@dataclass
class RunGroup:
    """A context; at its end, runs that are not finished are closed, as interrupted if a signal asked for it."""

    jobs: list[Job]
    on_end: OnEnd
    callbacks: Callbacks
    members: list[MemberTrainer] = field(default_factory=list)  # in the order of the jobs
    ended: set[int] = field(default_factory=set)  # numbers of jobs

    def __enter__(self) -> RunGroup:
        self.exit_stack = contextlib.ExitStack()
        self.stop = self.exit_stack.enter_context(StopRequest())
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """After a signal, whatever else was raised is its consequence."""
        unfinished = [member for member in self.members if not member.ended]
        for member in unfinished:
            member.metrics.close()
            member.metrics.loggers.close("interrupted")  # it is continued by itself, or by the next command
        if error and self.stop.number:
            for member in unfinished:
                with contextlib.suppress(OSError):
                    write_status(member.folder, member.task, "interrupted", member.progress)
            for job in self.unfinished():
                self.on_end(job, STOPPED_BY_SIGNAL + self.stop.number)
        self.exit_stack.close()

    def trainers(self) -> list[StackedTrainer]:
        """A trainer for each step at which runs are: after the sweep was killed it need not be the same for all.

        ConfigError if the model can't be stacked.
        """
        config = self.jobs[0].checked_config
        with self.stop.raising():
            device = prepare_torch(config)
            samples = load_training_samples(config).to(device)
        for job, folder in self.open_folders():
            console = self.exit_stack.enter_context(contextlib.closing(Console(folder.path / LOG, "none", quiet=True)))
            member = build_trainer(
                job.checked_config, folder, samples, device, console, self.stop, trainer_class=MemberTrainer
            )
            assert isinstance(member, MemberTrainer)
            self.members.append(member)
            folder.write_json(ENVIRONMENT, {**read_environment(folder.path), "stacked": len(self.jobs)})
        if not self.members:
            return []
        if reason := samples_obstacle(samples.train) or model_obstacle(self.members[0].model):
            raise ConfigError(f"model={config.model.name}: {reason}")
        by_step: dict[int, list[MemberTrainer]] = {}
        for member in self.members:
            by_step.setdefault(member.progress.step, []).append(member)
        return [StackedTrainer(members, samples, self.stop, self.finish) for members in by_step.values()]

    def open_folders(self) -> list[tuple[Job, RunFolder]]:
        """The jobs with their folders. Jobs that another process is at, or has finished by now, leave the group."""
        opened = []
        for job in self.jobs:
            folder, config = RunFolder(job.folder), job.checked_config
            try:
                open_folder(folder)
            except RunInProgressError as error:
                self.on_end(job, RUNNING_ELSEWHERE, str(error))
                continue
            self.exit_stack.callback(folder.close)
            if show_finished(folder, config, True, SINGLE_PROCESS):
                self.on_end(job, 0)
                continue
            clear_for_rerun(folder, config)
            opened.append((job, folder))
        self.jobs = [job for job, _ in opened]
        return opened

    def finish(self, member: MemberTrainer) -> None:
        """Test a run that has ended and write its results."""
        job = self.jobs[self.members.index(member)]
        code = 0
        try:
            train(member, member.console, self.callbacks)
        except Exception as error:
            code = Failure(error).report(member.folder, member.config, member.progress, member.distributed, quiet=True)
            member.metrics.loggers.close("failed")
        self.ended.add(job.number)
        self.on_end(job, code)

    def jobs_of(self, trainer: StackedTrainer) -> list[Job]:
        return [job for job, member in zip(self.jobs, self.members, strict=True) if member in trainer.members]

    def unfinished(self) -> list[Job]:
        return [job for job in self.jobs if job.number not in self.ended]

    def log(self, text: str) -> None:
        """Append to log.txt of every unfinished run, after the group was closed."""
        for job in self.unfinished():
            with contextlib.suppress(OSError), open(job.folder / LOG, "a", encoding="utf-8") as log:
                log.write(text)
