"""One run of a sweep: whatever goes wrong in it ends that run and not the sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from runner.callbacks import Callbacks
from runner.config.errors import ConfigError, RunInProgressError
from runner.config.schema import Config
from runner.sweep.plan import Job
from runner.train.signals import STOPPED_BY_SIGNAL

PATIENCE_S = 10.0  # the processes of a sweep that was killed need a moment to let go of their runs


def run_job(config: Config, callbacks: Callbacks) -> tuple[int, str]:
    """Run; return the exit code and, where the run could not even start, why."""
    from runner.train.run import run

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return run(config, quiet=True, callbacks=callbacks), ""
        except RunInProgressError as error:
            if time.monotonic() > deadline:
                return 1, str(error)
            time.sleep(0.2)
        except ConfigError as error:
            return 2, str(error)


def run_sequentially(jobs: Sequence[Job], on_end: Callable[..., None], callbacks: Callbacks) -> int:
    """Every run in this process, in order. A run that fails does not stop the others; Ctrl-C does, with its code."""
    for job in jobs:
        assert job.config is not None
        code, error = run_job(job.config, callbacks)
        on_end(job, code, error)
        if code > STOPPED_BY_SIGNAL:
            return code
    return 0
