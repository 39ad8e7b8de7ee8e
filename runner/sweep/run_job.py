"""One run of a sweep: whatever goes wrong in it ends that run and not the sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from results.run_folder import Held
from runner.config.schema import Config
from runner.config.validate import ConfigError
from runner.sweep.plan import Job
from runner.train.signals import STOPPED_BY_SIGNAL

PATIENCE_S = 10.0  # the processes of a sweep that was killed need a moment to let go of their runs


def attempt(config: Config) -> tuple[int, str]:
    """Run; return the exit code and, where the run could not even start, why."""
    from runner.train.run import run

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return run(config, quiet=True), ""
        except Held as error:
            if time.monotonic() > deadline:
                return 1, str(error)
            time.sleep(0.2)
        except ConfigError as error:
            return 2, str(error)


def one_by_one(jobs: Sequence[Job], ended: Callable[..., None]) -> int:
    """Every run in this process, in order. A run that fails does not stop the others; Ctrl-C does, with its code."""
    for job in jobs:
        assert job.config is not None
        code, error = attempt(job.config)
        ended(job, code, error)
        if code > STOPPED_BY_SIGNAL:
            return code
    return 0
