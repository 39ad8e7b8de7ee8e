"""What is recorded and printed of an error that ends a run. It ends no more than that: a sweep goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from results.paths import CONFIG, LOG
from results.run_folder import RunFolder
from results.values import one_line
from runner.config.plugins import with_place
from runner.config.schema import Config
from runner.train.distributed import FAILED, DistributedContext
from runner.train.output import print_line
from runner.train.progress import Progress
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted
from runner.train.status import write_config, write_status

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK_ERRORS = (*FULL, errno.EROFS, errno.EIO, errno.ESTALE)  # not a failure of the run itself


@dataclass(frozen=True)
class Failure:
    """error: as it is being handled. stopped_by: the signal that the run got before, or 0; the error is then its
    consequence, such as the end of a process that works for the run and got the signal as well."""

    error: Exception
    stopped_by: int = 0

    @property
    def text(self) -> str:
        return one_line(f"{type(self.error).__name__}: {with_place(self.error)}")

    def is_of_folder(self, folder: RunFolder) -> bool:
        """Whether the error is of the disk, or of a file in the run's folder, and not of the run itself."""
        if not isinstance(self.error, OSError):
            return False
        path = self.error.filename if isinstance(self.error.filename, str | os.PathLike) else ""
        in_folder = bool(path) and Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder.path))
        return in_folder or self.error.errno in DISK_ERRORS

    def report(
        self, folder: RunFolder, config: Config, progress: Progress, distributed: DistributedContext, quiet: bool
    ) -> int:
        """Write status.json and log.txt where that is possible, print a line, and return the exit code.

        quiet: print only what could not be recorded.
        """
        distributed.print_error(traceback.format_exc())
        recorded = self.record(folder, config, progress)
        if distributed.is_main and not (quiet and recorded):
            print_line(self.line(folder, recorded), sys.stderr if self.is_of_folder(folder) else sys.stdout)
        return STOPPED_BY_SIGNAL + self.stopped_by if self.stopped_by else FAILED

    def record(self, folder: RunFolder, config: Config, progress: Progress) -> bool:
        """Whether the traceback is in log.txt."""
        if self.is_of_folder(folder):
            return False  # the last status stays
        with contextlib.suppress(OSError):
            if not (folder.path / CONFIG).exists():  # it failed before its model was built
                write_config(folder, config)
            if self.stopped_by:
                write_status(folder, config.task, "interrupted", progress)
            else:
                write_status(folder, config.task, "failed", progress, error=self.text)
        with (
            contextlib.suppress(OSError),
            open(folder.path / LOG, "a", encoding="utf-8", errors="backslashreplace") as log,  # file names of any bytes
        ):
            log.write(f"{traceback.format_exc()}failed: {self.text}\n")
            return True
        return False

    def line(self, folder: RunFolder, recorded: bool) -> str:
        if self.stopped_by:
            return f"Stopped by {Interrupted(self.stopped_by)}; the same command resumes from the last checkpoint."
        if isinstance(self.error, OSError) and self.is_of_folder(folder):
            return f"error: {folder_error_text(self.error, folder)}"
        return f"failed: {self.text}{f'; traceback in {folder.path / LOG}' if recorded else ''}"


def folder_error_text(error: OSError, folder: RunFolder) -> str:
    """Why a run's folder can't be used any more, and what to do."""
    if not folder.path.exists():
        return f"{folder.path} was removed while the run was writing it; the same command starts it again"
    repeat = "Make room and repeat" if error.errno in FULL else "Repeat"
    problem = f"can't write {error.filename or folder.path}: {error.strerror}"
    return f"{problem}. {repeat} the command: it resumes from the last checkpoint."
