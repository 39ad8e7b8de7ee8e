"""What is recorded and printed of an error that ends a run. It ends no more than that: a sweep goes on."""

from __future__ import annotations

import contextlib
import errno
import sys
import traceback
from dataclasses import dataclass

from results.paths import CONFIG, LOG
from results.run_folder import RunFolder
from results.values import first_line
from runner.config.schema import Config
from runner.train.distributed import FAILED, DistributedContext
from runner.train.output import print_line
from runner.train.progress import Progress
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted
from runner.train.status import write_config, write_status

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)  # not a failure of the run itself


@dataclass(frozen=True)
class Failure:
    """error: as it is being handled. stopped_by: the signal that the run got before, or 0; the error is then its
    consequence, such as the end of a process that works for the run and got the signal as well."""

    error: Exception
    stopped_by: int = 0

    @property
    def text(self) -> str:
        return f"{type(self.error).__name__}: {first_line(self.error)}"

    @property
    def is_disk_error(self) -> bool:
        return isinstance(self.error, OSError) and self.error.errno in DISK_ERRORS

    def report(
        self, folder: RunFolder, config: Config, progress: Progress, distributed: DistributedContext, quiet: bool
    ) -> int:
        """Write status.json and log.txt where that is possible, print a line, and return the exit code.

        quiet: print only what could not be recorded.
        """
        distributed.print_error(traceback.format_exc())
        recorded = self.record(folder, config, progress)
        if distributed.is_main and not (quiet and recorded):
            print_line(self.line(folder, recorded), sys.stderr if self.is_disk_error else sys.stdout)
        return STOPPED_BY_SIGNAL + self.stopped_by if self.stopped_by else FAILED

    def record(self, folder: RunFolder, config: Config, progress: Progress) -> bool:
        """Whether the traceback is in log.txt."""
        if self.is_disk_error:
            return False  # the last status stays
        with contextlib.suppress(OSError):
            if not (folder.path / CONFIG).exists():  # it failed before its model was built
                write_config(folder, config)
            if self.stopped_by:
                write_status(folder, config.task, "interrupted", progress)
            else:
                write_status(folder, config.task, "failed", progress, error=self.text)
        with contextlib.suppress(OSError), open(folder.path / LOG, "a", encoding="utf-8") as log:
            log.write(f"{traceback.format_exc()}failed: {self.text}\n")
            return True
        return False

    def line(self, folder: RunFolder, recorded: bool) -> str:
        if self.stopped_by:
            return f"Stopped by {Interrupted(self.stopped_by)}; the same command resumes from the last checkpoint."
        if self.is_disk_error:
            reason = getattr(self.error, "strerror", "")
            return (
                f"error: can't write {folder.path}: {reason}. Make room and repeat the command: it resumes from the "
                "last checkpoint."
            )
        return f"failed: {self.text}{f'; traceback in {folder.path / LOG}' if recorded else ''}"
