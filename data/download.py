"""Let torchvision fetch a data set, verify its checksums and unpack it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path


def download(torchvision_class: str, root: str, into: Path) -> str | None:
    """Fetch the data set below `root`; return None, or in a few words why it failed.

    into: the folder that torchvision makes for the files. After a failure no folder is left that was not there.
    """
    from torchvision import datasets

    created = [folder for folder in (into, *into.parents) if not folder.exists()]
    chatter = io.StringIO()
    try:
        with contextlib.redirect_stdout(chatter):  # progress bars go to stderr and stay visible
            getattr(datasets, torchvision_class)(root, train=True, download=True)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            for folder in created:  # the empty ones that torchvision made
                folder.rmdir()
        return f"the download failed ({brief(error)})"
    return None


def brief(error: BaseException) -> str:
    """The first line of an error, without the URL lists that follow it."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
