"""What a launcher of Hydra's (joblib, submitit, ray) calls for each job: the run, in a process of its own.

The launcher's worker only waits for that process. A run that is killed, by the system for want of memory say, is then
a failed run and not the end of the worker, on which joblib would end all others.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from runner.callbacks import Callbacks
from runner.config.schema import Config, Pause
from runner.config.validate import validate
from runner.sweep.job_watcher import JobFiles
from runner.sweep.run_process import POLL_S, RunProcess
from runner.sweep.slots import Slot, available_cores
from runner.train.signals import ignore_signals


@dataclass(frozen=True)
class Worker:
    """The task function that is pickled for the workers.

    directory: where the command was given. folder: of the JobFiles. numbers: of the sweep's jobs, in the order in
    which the launcher counts them. threads: CPU threads of a run that does not set them; None: the cores of the worker.
    site: of the sweep's process, see current_site. code: Config.code of all jobs together. pauses: of the jobs that
    have one, by their numbers.
    """

    directory: str
    folder: str
    numbers: tuple[int, ...]
    threads: int | None
    site: str
    code: dict[str, str]
    callbacks: Callbacks
    pauses: dict[int, Pause] = field(default_factory=dict)

    def __call__(self, composed: Any) -> None:
        os.chdir(self.directory)
        if threading.current_thread() is threading.main_thread():
            ignore_signals()  # those to all processes: the sweep passes them on
        number = self.numbers[HydraConfig.get().job.num]
        if not self.should_stop():
            config = validate(OmegaConf.to_container(composed, resolve=True))  # type: ignore[arg-type]
            code, error = self.run(replace(config, pause=self.pauses.get(number)))
            self.files.write_result(number, code, error)
        if self.sweep_was_killed():
            os._exit(1)  # a worker of joblib's would wait for more work for ever

    def run(self, config: Config) -> tuple[int, str]:
        # joblib has registered a start method of its own, which is unknown in the run's process
        multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
        process = RunProcess(config, Slot(self.threads or available_cores()), self.callbacks, self.planned_code(config))
        stop_sent = False
        while process.is_alive():
            wait([process.sentinel], timeout=POLL_S)
            if not stop_sent and self.should_stop():
                stop_sent = True
                process.stop()
        return process.result()

    def planned_code(self, config: Config) -> dict[str, str]:
        return {path: digest for path, digest in self.code.items() if path in config.code}

    @property
    def files(self) -> JobFiles:
        return JobFiles(Path(self.folder))

    def should_stop(self) -> bool:
        return self.files.stop_requested() or self.sweep_was_killed()

    def sweep_was_killed(self) -> bool:
        """Whether the sweep's process has ended and left this worker behind on its machine.

        In a cluster, runs are to outlive the process that has submitted them.
        """
        return self.site == current_site() and not self.files.in_use()


def current_site() -> str:
    """The machine, or in a cluster its job, in which this process runs."""
    return f"{socket.gethostname()} {os.environ.get('SLURM_JOB_ID', '')}"
