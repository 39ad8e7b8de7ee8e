"""Getting the data of a sweep before its runs start: one download, or one reason, for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from data.dataset import DataSet
from runner.config.errors import ConfigError, data_errors
from runner.sweep.plan import Job
from runner.sweep.run_job import OnEnd


def fetch_data(jobs: Sequence[Job], on_end: OnEnd) -> list[Job]:
    """Download what the jobs' data sets lack, each once; return the jobs that have their data, and end the others."""
    errors: dict[tuple[str, str], str] = {}
    for data in [job.checked_config.data for job in jobs]:
        key = data.name, data.folder()
        if key not in errors:
            errors[key] = fetch_error(data)
    ready = []
    for job in jobs:
        data = job.checked_config.data
        if error := errors[data.name, data.folder()]:
            on_end(job, 2, error)
        else:
            ready.append(job)
    return ready


def fetch_error(data: DataSet) -> str:
    """Download what is missing; return why that failed, or nothing."""
    try:
        with data_errors(data.name):
            data.fetch()
    except ConfigError as error:
        return str(error)
    return ""
