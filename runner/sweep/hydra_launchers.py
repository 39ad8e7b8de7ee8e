"""Running the jobs of a sweep by launchers of Hydra: joblib on this machine, submitit for Slurm, ray for clusters.

They bring workers to machines; what a worker does is `runner.sweep.worker`. Workers write the result of each job into
a file, so that it is reported as soon as the job ends, and whatever a launcher does about a worker that was killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from results.values import first_line
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.sweep.job_watcher import JobFiles, JobWatcher
from runner.sweep.plan import Job
from runner.sweep.run_job import OnEnd
from runner.sweep.slots import available_cores
from runner.sweep.worker import Worker, current_site
from runner.train.output import print_line
from runner.train.signals import STOPPED_BY_SIGNAL, StopRequest, blocked_signals

ROOT = Path(__file__).resolve().parents[2]
WORKER_KILLED = "the worker that ran it was killed"


def run_with_hydra_launcher(
    launcher: Any, jobs: Sequence[Job], on_end: OnEnd, sweep_folder: Path, callbacks: Callbacks
) -> int:
    """Run all jobs; return 0, or 128 + the signal that stopped the sweep. ConfigError if the launcher can't work."""
    threads = threads_per_run(launcher, len(jobs))
    make_project_importable()
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(JobFiles((sweep_folder / f"jobs.{platform.node()}.{os.getpid()}").absolute()))
        code = {path: digest for job in jobs for path, digest in job.checked_config.code.items()}
        pauses = {job.number: pause for job in jobs if (pause := job.checked_config.pause)}
        worker = Worker(os.getcwd(), str(files.folder), (), threads, current_site(), code, callbacks, pauses)
        start_ray(launcher)
        stop = stack.enter_context(StopRequest())
        stack.enter_context(errors_returned())
        watcher = stack.enter_context(JobWatcher(jobs, on_end, files, stop))
        errors = launch_and_wait(launcher, jobs, worker)
        if errors is None and not stop.number:  # which run's worker was killed is not known: all start once more
            watcher.poll()
            unfinished = watcher.unfinished()
            print_line(f"A worker was killed, and joblib ended all others: starting {len(unfinished)} runs again.")
            errors = launch_and_wait(launcher, unfinished, worker)
    for job in watcher.unfinished() if not stop.number else ():
        on_end(job, 1, (errors or {}).get(job.number, WORKER_KILLED))
    return STOPPED_BY_SIGNAL + stop.number if stop.number else 0


def launch_and_wait(launcher: Any, jobs: Sequence[Job], worker: Worker) -> dict[int, str] | None:
    """Start all jobs and wait for them; return the errors by the jobs' numbers.

    None: joblib's pool broke; a worker that is killed takes all others with it.
    """
    launcher.task_function = dataclasses.replace(worker, numbers=tuple(job.number for job in jobs))
    try:
        with blocked_signals():  # in the launcher's processes; the watcher's thread lets them through to this one
            returned = launcher.launch([list(job.overrides) for job in jobs], initial_job_idx=0)
    except BrokenProcessPool:
        return None
    except Exception as error:  # of any kind: no Slurm on this machine, a cluster that does not answer
        raise ConfigError(f"hydra/launcher: {type(launcher).__name__}: {first_line(error)}") from None
    errors = {}
    for job, result in zip(jobs, returned, strict=True):
        error = getattr(result, "_return_value", result)
        if isinstance(error, Exception):
            errors[job.number] = first_line(error)
    return errors


def threads_per_run(launcher: Any, jobs: int) -> int | None:
    """CPU threads of each run, so that runs side by side use every core once; None: the cores of the worker."""
    name = type(launcher).__name__
    if name == "JoblibLauncher":
        from joblib import effective_n_jobs  # installed with its launcher only

        return max(1, available_cores() // min(effective_n_jobs(launcher.joblib["n_jobs"]), jobs))
    if name == "LocalLauncher":  # submitit's; it starts all jobs at once
        return launcher.params["cpus_per_task"] or max(1, available_cores() // jobs)
    if name == "SlurmLauncher":
        return launcher.params["cpus_per_task"]
    if name == "RayLauncher":
        return max(1, int(launcher.ray_cfg.remote.get("num_cpus") or 1))
    return 1


def make_project_importable() -> None:
    """Let workers import this project, wherever the command was given: submitit starts them in that folder."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(ROOT) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *paths]))


def start_ray(launcher: Any) -> None:
    """Start ray now: it sets a handler of SIGTERM, which StopRequest is to replace. Its launcher then uses it."""
    if type(launcher).__name__ == "RayLauncher":
        import ray  # pyright: ignore[reportMissingImports]  # installed with its launcher only

        if not ray.is_initialized():
            ray.init(**(OmegaConf.to_container(launcher.ray_cfg.init, resolve=True) or {}))  # type: ignore[arg-type]


@contextlib.contextmanager
def errors_returned() -> Iterator[None]:
    """Let submitit and ray return the error of a job whose worker died, instead of raising it.

    Their launchers for Hydra wait by submitit's Job.results and by ray.get for one job after another, within `launch`
    and with no setting for it. The first error would end the sweep while the other jobs run.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError):
            from submitit import Job as SubmititJob
            from submitit.core.utils import UncompletedJobError  # and FailedJobError, a subclass

            stack.enter_context(returning(SubmititJob, "results", UncompletedJobError, lambda error: [error]))
        if ray := sys.modules.get("ray"):
            stack.enter_context(returning(ray, "get", ray.exceptions.RayError, lambda error: error))
        yield


@contextlib.contextmanager
def returning(owner: Any, name: str, errors: Any, to_result: Callable[[Exception], Any]) -> Iterator[None]:
    """Replace a function of `owner` by one that returns to_result(error) where it would raise one of `errors`."""
    original = getattr(owner, name)

    def replacement(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except errors as error:
            return to_result(error)

    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)
