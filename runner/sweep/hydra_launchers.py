"""Runs of a sweep by launchers of Hydra's: joblib on this machine, submitit for Slurm, ray for its clusters.

They bring processes to machines; a run in them is `runner.sweep.worker`. What came of it the workers write down, so
that a line appears for each run as it ends, and nothing depends on what a launcher does about a worker that died.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.sweep.local import LOOK_S, cores
from runner.sweep.plan import Job
from runner.sweep.worker import Worker, site
from runner.train.output import first_line, print_line
from runner.train.signals import STOPPED_BY_SIGNAL, StopRequest

ROOT = Path(__file__).resolve().parents[2]
LOST = "the process that ran it was killed"


def run_by(launcher: Any, jobs: Sequence[Job], on_end: Callable[..., None], folder: Path, callbacks: Callbacks) -> int:
    """Run all jobs; return 0, or 128 + the signal that stopped the sweep.

    folder: the sweep's own, for notes. ConfigError if the launcher can't work.
    """
    notes = (folder / f"notes.{os.getpid()}").absolute()
    notes.mkdir(parents=True)
    worker = Worker(os.getcwd(), str(notes), (), threads(launcher, len(jobs)), os.getpid(), site(), callbacks)
    with contextlib.ExitStack() as stack:
        stack.enter_context(importable())
        start(launcher)
        stop = stack.enter_context(StopRequest())
        stack.enter_context(every_job_awaited())
        watch = stack.enter_context(JobWatcher(jobs, on_end, notes, stop))
        errors = launch(launcher, jobs, worker)
        if errors is None and not stop.number:  # whose worker it was is not known: all that were lost start again
            watch.look()
            print_line(f"A worker was killed, and all others with it: {len(watch.open())} runs start again or go on.")
            errors = launch(launcher, watch.open(), worker)
    for job in watch.open() if not stop.number else ():
        on_end(job, 1, (errors or {}).get(job.number, LOST))
    return STOPPED_BY_SIGNAL + stop.number if stop.number else 0


def start(launcher: Any) -> None:
    """Start ray, which takes over SIGTERM, before a stop request does."""
    if type(launcher).__name__ == "RayLauncher":
        from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray  # pyright: ignore[reportMissingImports]

        start_ray(launcher.ray_cfg.init)


def launch(launcher: Any, jobs: Sequence[Job], worker: Worker) -> dict[int, str] | None:
    """Start all jobs and wait for them; return what went wrong, by the jobs' numbers.

    None: joblib's pool broke; a worker that is killed takes all others with it.
    """
    launcher.task_function = dataclasses.replace(worker, numbers=tuple(job.number for job in jobs))
    try:
        returned = launcher.launch([list(job.overrides) for job in jobs], initial_job_idx=0)
    except BrokenProcessPool:
        return None
    except Exception as error:  # the engines' many kinds: no Slurm here, a cluster that does not answer
        raise ConfigError(f"hydra/launcher: {type(launcher).__name__}: {first_line(error)}") from None
    errors = {}
    for job, result in zip(jobs, returned, strict=True):
        error = getattr(result, "_return_value", result)
        if isinstance(error, Exception):
            errors[job.number] = first_line(error)
    return errors


def threads(launcher: Any, jobs: int) -> int | None:
    """CPU threads of each run, so that runs side by side use every core once; None: what a run's machine gives it."""
    engine = type(launcher).__name__
    if engine == "JoblibLauncher":
        from joblib import effective_n_jobs

        return max(1, cores() // min(effective_n_jobs(launcher.joblib["n_jobs"]), jobs))
    if engine == "LocalLauncher":  # submitit's, which starts all at once
        return launcher.params["cpus_per_task"] or max(1, cores() // jobs)
    if engine == "SlurmLauncher":
        return launcher.params["cpus_per_task"]
    if engine == "RayLauncher":
        return max(1, int(launcher.ray_cfg.remote.get("num_cpus") or 1))
    return 1


class JobWatcher:
    """A thread that reports each run as it ends, and passes a stop request on to the workers."""

    def __init__(self, jobs: Sequence[Job], ended: Callable[..., None], notes: Path, stop: StopRequest) -> None:
        self.jobs, self.ended, self.notes, self.stop = list(jobs), ended, notes, stop
        self.over: set[int] = set()
        self.closing, self.looking = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> JobWatcher:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self.closing.set()
        self.thread.join()
        self.look()
        if kind is not KeyboardInterrupt:  # an impatient one: a cluster's job that starts later is to find the note
            shutil.rmtree(self.notes)

    def run(self) -> None:
        while not self.closing.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        if self.stop.number:
            (self.notes / "stop").touch()
        with self.looking:
            for job in self.open():
                note = self.notes / f"{job.number}.json"
                if note.exists():
                    self.over.add(job.number)
                    self.ended(job, *json.loads(note.read_text(encoding="utf-8")))

    def open(self) -> list[Job]:
        """Those that have not ended."""
        return [job for job in self.jobs if job.number not in self.over]


@contextlib.contextmanager
def every_job_awaited() -> Iterator[None]:
    """Let submitit and ray return the exception of a job that died: they would raise it and await no other."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError):
            from submitit import Job as Submitted
            from submitit.core.utils import FailedJobError, UncompletedJobError

            died = (FailedJobError, UncompletedJobError)
            stack.enter_context(returning(Submitted, "results", died, lambda error: [error]))
        if ray := sys.modules.get("ray"):
            stack.enter_context(returning(ray, "get", ray.exceptions.RayError, lambda error: error))
        yield


@contextlib.contextmanager
def returning(owner: Any, name: str, errors: Any, instead: Callable[[Exception], Any]) -> Iterator[None]:
    original = getattr(owner, name)

    def forgiving(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except errors as error:
            return instead(error)

    setattr(owner, name, forgiving)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def importable() -> Iterator[None]:
    """Let processes that are started from here on find this project, wherever the command was given."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
