"""Runs of a sweep in parallel processes on this machine, each its own: one that is killed fails one run.

A fork server imports torch once; a run then starts in some 30 ms. CPU cores are divided over the processes, because
more threads than cores cost 2 to 40 times the speed. On GPUs each process sees one, `jobs_per_gpu` processes share it.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from runner.callbacks import Callbacks
from runner.config.schema import Config
from runner.sweep.plan import Job
from runner.sweep.run_job import run_job
from runner.train.signals import STOPPED_BY_SIGNAL, StopRequest

#: what a run imports: loaded once by the server from which the processes are forked
PRELOAD = ("torch", "torch._dynamo", "omegaconf", "optim.driver", "runner.train.build", "runner.train.trainer")
LOOK_S = 0.2  # seconds between two looks at a stop request


@dataclass(frozen=True)
class Place:
    """Where one of the parallel processes runs: `threads` CPU threads, and a GPU or none."""

    threads: int
    gpu: str | None = None


def places(n_jobs: int | None, jobs_per_gpu: int, device: str, threads: int | None) -> list[Place]:
    """One place for each process that runs at a time."""
    cards = [] if device in ("cpu", "mps") else gpus()
    count = n_jobs or (len(cards) * jobs_per_gpu if cards else max(1, cores() // (threads or 1)))
    each = threads or max(1, cores() // count)
    return [Place(each, cards[i % len(cards)] if cards else None) for i in range(count)]


def cores() -> int:
    """The CPU cores that this process may use; Slurm confines a job to those it asked for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """The CUDA devices that this process may use, without starting CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [card for card in visible.split(",") if card and card != "-1"]
    try:
        found = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True
        )
    except OSError:
        return []
    return found.stdout.split() if found.returncode == 0 else []


def run_parallel(jobs: Sequence[Job], on_end: Callable[..., None], where: Sequence[Place], callbacks: Callbacks) -> int:
    """Run all jobs, as many at a time as there are places; return 0, or 128 + the signal that stopped the sweep."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOAD, *callbacks.preload])
    waiting, free, running = list(jobs), list(where), []
    stopped = 0
    with StopRequest() as stop:
        while running or (waiting and not stop.number):
            while waiting and free and not stop.number:
                running.append(Process(context, waiting.pop(0), free.pop(0), callbacks))
            wait([each.process.sentinel for each in running], timeout=LOOK_S)
            if stop.number and not stopped:
                stopped = stop.number
                for each in running:
                    each.stop()
            for each in [each for each in running if not each.process.is_alive()]:
                running.remove(each)
                free.append(each.place)
                on_end(each.job, *each.result())
    return STOPPED_BY_SIGNAL + stop.number if stop.number else 0


class Process:
    """One run in a process of its own."""

    def __init__(self, context: Any, job: Job, place: Place, callbacks: Callbacks) -> None:
        assert job.config is not None
        self.job, self.place = job, place
        self.messages, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=run_here, args=(job.config, place, sender, os.getpid(), callbacks))
        self.process.start()
        sender.close()

    def stop(self) -> None:
        """Ask the run to save and end."""
        if self.process.pid and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGTERM)

    def result(self) -> tuple[int, str]:
        """The exit code, negative for the signal that killed it, and what went wrong."""
        self.process.join()
        try:
            error = self.messages.recv() if self.messages.poll() else ""
        except EOFError:
            error = ""
        code = self.process.exitcode or 0
        self.process.close()
        self.messages.close()
        return code, error


def run_here(config: Config, place: Place, messages: Any, parent: int, callbacks: Callbacks) -> None:
    """Body of a process: run, send what went wrong, exit with the run's code."""
    os.setsid()  # a terminal's Ctrl-C goes to the sweep, which asks each run to stop once
    threading.Thread(target=stop_with, args=(parent,), daemon=True).start()
    if place.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = place.gpu
    settings = dataclasses.replace(config.settings, threads=config.settings.threads or place.threads)
    code, error = run_job(dataclasses.replace(config, settings=settings), callbacks)
    if error:
        messages.send(error)
    raise SystemExit(code)


def stop_with(parent: int) -> None:
    """Stop this process as SIGTERM would once the sweep's process is gone (killed: it could not say so)."""
    while alive(parent):
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
