"""A lock on a folder, held by one process at a time, that ends with the process, however that ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"


class FolderInUse(Exception):
    """Another process holds the folder's lock."""


class FolderLock:
    """The lock of one folder: a file in it, locked by the operating system (flock, LockFileEx) and left in place."""

    def __init__(self, folder: Path) -> None:
        self.lock = FileLock(folder / LOCK, is_singleton=False)

    def acquire(self, wait: bool = False) -> None:
        """Raise FolderInUse if another process holds the lock; wait: until it does not. OSError as of writing."""
        try:
            self.lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            raise FolderInUse(str(self.lock.lock_file)) from None

    def release(self) -> None:
        self.lock.release()


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock of an existing folder; see FolderLock.acquire."""
    lock = FolderLock(folder)
    lock.acquire(wait)
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether another process holds the lock of a folder."""
    try:
        with locked(folder):
            return False
    except FolderInUse:
        return True
    except OSError:  # no folder, or none that can be written
        return False
