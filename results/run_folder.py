"""One run's folder as its writer has it: created, locked, cleared, and files written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results.files import write_atomic, write_json
from results.lock import FolderLock
from results.paths import CHECKPOINTS, RUN_FILES


class RunFolder:
    """The folder of a run; one process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FolderLock | None = None

    def open(self) -> None:
        """Create and lock the folder, and remove what a killed process left half written.

        Raises OSError if it can't be written and results.lock.FolderInUse if another process has it open.
        """
        (self.path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        lock = FolderLock(self.path)
        lock.acquire()
        self._lock = lock
        for leftover in (*self.path.glob("*.tmp"), *self.path.glob(f"{CHECKPOINTS}/*.tmp")):
            if leftover.is_file():
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
