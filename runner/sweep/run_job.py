"""One run of a sweep: whatever goes wrong in it ends this run and not the sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from results.values import first_line
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError, RunInProgressError
from runner.config.schema import Config
from runner.sweep.plan import Job
from runner.train.run import run
from runner.train.signals import STOPPED_BY_SIGNAL, StopRequest

RUNNING_ELSEWHERE = 75  # exit code of a run that another process is at (sysexits.h: try again later)

#: called for each job that has ended, with its exit code (negative for the signal that killed it) and, where it could
#: not start, the error
OnEnd = Callable[..., None]


def run_job(config: Config, callbacks: Callbacks) -> tuple[int, str]:
    """Run; return the exit code, and the error of a run that could not start ("" otherwise)."""
    try:
        return run(config, quiet=True, callbacks=callbacks), ""
    except RunInProgressError as error:
        return RUNNING_ELSEWHERE, str(error)
    except ConfigError as error:
        return 2, str(error)
    except Exception as error:  # of any kind, where not even its folder could take it
        return 1, f"{type(error).__name__}: {first_line(error)}"


def run_sequentially(jobs: Sequence[Job], on_end: OnEnd, callbacks: Callbacks) -> int:
    """Run all jobs in this process, in order; return 0, or 128 + the signal that stopped the sweep.

    A run that fails does not stop the others; Ctrl-C and SIGTERM do.
    """
    with StopRequest() as stop:
        for job in jobs:
            if stop.number:
                break
            code, error = run_job(job.checked_config, callbacks)
            on_end(job, code, error)
    return STOPPED_BY_SIGNAL + stop.number if stop.number else 0
