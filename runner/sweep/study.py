"""The file of an Optuna search, study.db: open in one process at a time, whole or absent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results.lock import FolderInUse, FolderLock
from runner.config.errors import ConfigError


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the study's folder; ConfigError if another process does."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        lock.acquire()
    except FolderInUse:
        raise ConfigError(f"another process is at work on this study in {folder}; wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def open_study(file: Path, better: str) -> Iterator[Any]:
    """The study in `file`, made whole before it gets that name: a kill leaves no half of one."""
    import optuna

    def study_in(path: Path) -> Any:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
        direction = "maximize" if better == "max" else "minimize"
        study = optuna.create_study(
            storage=storage, study_name=file.parent.name, direction=direction, load_if_exists=True
        )
        return study, storage

    def close(storage: Any) -> None:
        storage.remove_session()
        storage.engine.dispose()

    if not file.exists():
        temporary = file.with_name("study.db.tmp")
        temporary.unlink(missing_ok=True)
        close(study_in(temporary)[1])
        os.replace(temporary, file)
    study, storage = study_in(file)
    try:
        yield study
    finally:
        close(storage)
