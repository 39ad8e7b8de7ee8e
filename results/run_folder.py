"""One run's folder as its writer has it: created, locked, cleared, and files written whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from results.files import find_file_problem, write_atomic, write_json
from results.lock import LOCK, FolderLock
from results.paths import CHECKPOINTS, RUN_FILES


class RunFolder:
    """The folder of a run; one process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FolderLock | None = None

    def open(self) -> None:
        """Create and lock the folder, and remove what a killed process left half written.

        Raises OSError if it can't be written, results.lock.FolderInUse if another process has it open, and ValueError
        where something stands in the way of a file that a run writes.
        """
        check_not_link(self.path / CHECKPOINTS, self.path)
        (self.path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        for file in written_files(self.path):
            check_not_link(file, self.path)
            check_plain_file(file)
        lock = FolderLock(self.path)
        lock.acquire()
        self._lock = lock
        for leftover in (*self.path.glob("*.tmp"), *self.path.glob(f"{CHECKPOINTS}/*.tmp")):
            leftover.unlink()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def clear(self) -> None:
        """Remove an earlier run's files; what else lies in the folder stays."""
        for pattern in RUN_FILES:
            for file in self.path.glob(pattern):
                file.unlink()

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        write_json(self.path / name, content)

    def write_text(self, name: str, content: str) -> None:
        write_atomic(self.path / name, content.encode())


def written_files(folder: Path) -> Iterator[Path]:
    """What there is of the files that a run writes in its folder, links without a target too."""
    for place in (folder, folder / CHECKPOINTS):
        for file in sorted(place.iterdir()):
            name = file.relative_to(folder).as_posix()
            if any(fnmatch(name, pattern) for pattern in (*RUN_FILES, LOCK, "*.tmp")):
                yield file


def check_not_link(file: Path, folder: Path) -> None:
    """Raise ValueError for a link that leads out of the folder: a run would overwrite what is not its own."""
    target = os.path.realpath(file)
    if file.is_symlink() and not Path(target).is_relative_to(os.path.realpath(folder)):
        raise ValueError(f"{file} is a link to {target}, out of the run's folder; remove the link")


def check_plain_file(file: Path) -> None:
    """Raise ValueError for what is no file, or not this user's to read and write."""
    with contextlib.suppress(FileNotFoundError):  # a link within the folder, to a file that is not written yet
        if problem := find_file_problem(file):
            raise ValueError(f"{file.parent}: {problem}; move it away")
        if not os.access(file, os.R_OK | os.W_OK):
            raise ValueError(f"{file} can't be read and written by this user")


class ReadOnlyRunFolder(RunFolder):
    """The folder as the other processes of a run have it, which leave writing to the main process."""

    def open(self) -> None:
        pass

    def clear(self) -> None:
        pass

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        pass

    def write_text(self, name: str, content: str) -> None:
        pass
