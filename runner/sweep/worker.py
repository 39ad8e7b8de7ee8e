"""What a launcher of Hydra's (joblib, submitit, ray) runs for each job: the run, in a process of its own.

The launcher's worker only watches: a run that is killed, for want of memory say, is then a failed run by name and
not the end of the worker, which joblib would answer by ending all others. Worker and sweep leave each other notes in
a folder that both see, as they do the runs' folders: `stop`, and `<number>.json` with a run's exit code and error.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from results.files import write_atomic
from runner.callbacks import Callbacks
from runner.config.schema import Config
from runner.config.validate import validate
from runner.sweep.local import LOOK_S, PRELOAD, Place, Process, alive, cores
from runner.sweep.plan import TODO, Job


@dataclass(frozen=True)
class Worker:
    """The task function that goes to the workers.

    directory: where the command was given. notes: the folder of notes. numbers: the sweep's, of the launcher's jobs.
    threads: of each run, unless it sets its own; None: the cores that the worker has. sweep: the sweep's process, on
    the machine or in the cluster's job `site`.
    """

    directory: str
    notes: str
    numbers: tuple[int, ...]
    threads: int | None
    sweep: int
    site: str
    callbacks: Callbacks

    def __call__(self, composed: Any) -> None:
        from hydra.core.hydra_config import HydraConfig
        from omegaconf import OmegaConf

        os.chdir(self.directory)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: the sweep passes it on
        number = self.numbers[HydraConfig.get().job.num]
        if not self.stopped():
            outcome = self.run(validate(OmegaConf.to_container(composed, resolve=True)))  # type: ignore[arg-type]
            write_atomic(Path(self.notes, f"{number}.json"), json.dumps(outcome).encode())
        if self.abandoned():
            os._exit(1)  # joblib's would wait for more to do, for ever

    def run(self, config: Config) -> tuple[int, str]:
        multiprocessing.set_start_method("forkserver", force=True)  # joblib's own would not be known in the run
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*PRELOAD, *self.callbacks.preload])
        process = Process(context, Job(0, (), TODO, config), Place(self.threads or cores()), self.callbacks)
        told = False
        while process.process.is_alive():
            wait([process.process.sentinel], timeout=LOOK_S)
            if not told and self.stopped():
                told = True
                process.stop()
        return process.result()

    def stopped(self) -> bool:
        return Path(self.notes, "stop").exists() or self.abandoned()

    def abandoned(self) -> bool:
        """Whether the sweep was killed here. In a cluster, runs outlive the process that sent them."""
        return self.site == site() and not alive(self.sweep)


def site() -> str:
    return f"{socket.gethostname()} {os.environ.get('SLURM_JOB_ID', '')}"
