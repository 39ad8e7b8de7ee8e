"""The folder of temporary files."""

from __future__ import annotations

import os
import tempfile

#: bytes of the folder's path. Processes meet at sockets in it, whose paths have at most 104 (macOS) or 108 (Linux), of
#: which multiprocessing's and torch's own names take up to 34
MAX_LENGTH = 68
SHORT = "/tmp"


def shorten_temporary_folder() -> None:
    """Let this process and those that it starts use /tmp where TMPDIR is too long for a socket."""
    if os.name == "posix" and len(os.fsencode(tempfile.gettempdir())) > MAX_LENGTH and os.access(SHORT, os.W_OK):
        os.environ["TMPDIR"] = SHORT
        tempfile.tempdir = None  # asked for anew
