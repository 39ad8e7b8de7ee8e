"""Let torchvision fetch a data set, verify its checksums and unpack it: by one process at a time, and whole files only.

torchvision writes into a folder of its own inside `data.root`, from which the files are moved into place. So whoever
reads meanwhile finds a file whole or not at all, and a download that ends early leaves nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

TIMEOUT_S = 30.0  # without a byte from the server


def download(
    torchvision_class: str, root: Path, into: str, is_complete: Callable[[], bool], archive: str = ""
) -> str | None:
    """Fetch the data set below `root`; return None, or in a few words why it failed.

    into: the folder below `root` where torchvision puts the files. is_complete: whether they are there by now, as
    after waiting for another process's download. archive: the file in `root` that torchvision would unpack.
    """
    created = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f".{torchvision_class}.lock"), temporary_folder(root, torchvision_class) as folder:
            if not is_complete():
                if archive and (root / archive).is_file():
                    shutil.copy(root / archive, folder)
                fetch(torchvision_class, folder)
                move_files(folder / into, root / into)
    except (OSError, RuntimeError) as error:
        return f"the download failed ({brief(error)})"
    finally:
        with contextlib.suppress(OSError):
            for folder in created:  # where they are still empty
                folder.rmdir()
    return None


def fetch(torchvision_class: str, folder: Path) -> None:
    """Download and unpack with torchvision's class; progress bars go to stderr and stay visible."""
    from torchvision import datasets

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)  # torchvision sets none, and would wait for ever
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            getattr(datasets, torchvision_class)(folder, train=True, download=True)
    finally:
        socket.setdefaulttimeout(timeout)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock, of one process at a time; a signal's exception ends the waiting."""
    lock = FileLock(path, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Waiting for another process that downloads into {path.parent}.", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):  # on Windows while another process waits for it
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder(root: Path, name: str) -> Iterator[Path]:
    """A folder in `root` that is removed at the end, with those that killed processes have left."""
    prefix = f".{name}-"
    try:
        yield Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    finally:
        for left in root.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)


def move_files(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            os.replace(file, target / file.name)


def brief(error: BaseException) -> str:
    """What an error says, in one line: the first and the last of its lines."""
    if isinstance(error, TimeoutError):
        return f"the server sent nothing for {TIMEOUT_S:g} s"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0].rstrip(':')}: {lines[-1]}"
