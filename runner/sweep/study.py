"""The file of an Optuna search, study.db: used by one process at a time, and either complete or absent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from optuna import Study, create_study
from optuna.storages import RDBStorage

from results.lock import is_locked, locked
from runner.loggers.sqlite import sqlite_url
from runner.train.output import print_line


@contextlib.contextmanager
def exclusive_access(folder: Path) -> Iterator[None]:
    """Hold the lock of the study's folder; wait for another process that does."""
    folder.mkdir(parents=True, exist_ok=True)
    if is_locked(folder):
        print_line(f"Another process is running this study in {folder}; waiting for it.")
    with locked(folder, wait=True):
        yield


@contextlib.contextmanager
def open_study(file: Path, better: str) -> Iterator[Study]:
    """The study in `file`, created if there is none. better: max or min, of the metric."""
    if not file.exists():
        temporary = file.with_name("study.db.tmp")  # a new study is renamed once it is complete
        temporary.unlink(missing_ok=True)
        with opened(temporary, file.parent.name, better):
            pass
        os.replace(temporary, file)
    with opened(file, file.parent.name, better) as study:
        yield study


@contextlib.contextmanager
def opened(file: Path, name: str, better: str) -> Iterator[Study]:
    storage = RDBStorage(sqlite_url(file))
    direction = "maximize" if better == "max" else "minimize"
    try:
        yield create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
    finally:
        storage.remove_session()
        storage.engine.dispose()  # Windows renames no open file
