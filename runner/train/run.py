"""One run from its configuration to its result: samples, folder, training, test, status.

torch is imported late: a finished run is shown without it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from results.images import save_images
from results.lock import FolderInUse
from results.metrics import read_rows, step_rows
from results.paths import LOG, METRICS
from results.records import read_status
from results.run_folder import ReadOnlyRunFolder, RunFolder
from results.status import is_finished
from results.trajectory import save_trajectory
from results.values import first_line
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.config.errors import ConfigError, RunInProgressError
from runner.config.schema import Config
from runner.train.console import Console
from runner.train.distributed import FAILED, SINGLE_PROCESS, DistributedContext
from runner.train.output import print_line
from runner.train.progress import Diverged, Progress
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted, StopRequest
from runner.train.status import result_lines, write_status

if TYPE_CHECKING:
    from data.samples import Samples
    from runner.train.trainer import Trainer

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK_ERRORS = (*FULL, errno.EROFS, errno.EIO, errno.ESTALE)  # not a failure of the run itself


def run(
    config: Config,
    quiet: bool = False,
    distributed: DistributedContext = SINGLE_PROCESS,
    callbacks: Callbacks = NO_CALLBACKS,
) -> int:
    """Run, resume or show an experiment; return its exit code. Raises ConfigError if it can't start.

    quiet: print to log.txt only, as one run of a sweep does. distributed: all processes call this together.
    """
    folder = RunFolder(config.run_path) if distributed.is_main else ReadOnlyRunFolder(config.run_path)
    earlier = distributed.all_gather(read_status(folder.path))[0]
    if earlier and is_finished(earlier, config.task.metric) and not config.settings.rerun:
        print_line(f"This run is finished; rerun=true runs it again.\n{result_lines(config, earlier, folder)}")
        return 0
    with StopRequest(distributed.launched) as stop:  # first: a signal while torch is imported would break the import
        from runner.train.prepare import load_local_main_first, prepare_torch

        with distributed.raise_together():
            device = prepare_torch(config, distributed)
        samples = load_local_main_first(config, distributed).to(device)
        with distributed.raise_together():
            open_folder(folder)
        with contextlib.closing(folder):
            try:
                with distributed.raise_together():  # a barrier: no process reads what is about to be removed
                    if config.settings.rerun and (earlier or {}).get("status") not in ("running", "interrupted"):
                        folder.clear()  # an interrupted rerun is resumed instead
                return run_in_folder(folder, config, samples, device, stop, quiet, distributed, callbacks)
            except OSError as error:
                if not is_of_folder(error, folder):
                    raise
                return report_folder_error(error, folder)


def open_folder(folder: RunFolder) -> None:
    """Open a run's folder; ConfigError if it can't be written, RunInProgressError if another process has it open."""
    try:
        folder.open()
    except FolderInUse:
        message = f"another process is running this experiment in {folder.path}; wait for it or stop it"
        raise RunInProgressError(message) from None
    except OSError as error:
        raise ConfigError(f"outputs: can't write {folder.path} ({error.strerror or error})") from None
    except ValueError as error:
        raise ConfigError(f"outputs: {error}") from None


def is_of_folder(error: OSError, folder: RunFolder) -> bool:
    """Whether an error is of the disk, or of a file in the run's folder, and not of the run itself."""
    if error.errno in DISK_ERRORS:
        return True
    path = error.filename if isinstance(error.filename, str | os.PathLike) else ""
    return bool(path) and Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder.path))


def report_folder_error(error: OSError, folder: RunFolder) -> int:
    """Print why the folder can't be used any more, and return the exit code."""
    if folder.path.exists():
        repeat = "Make room and repeat" if error.errno in FULL else "Repeat"
        problem = f"can't write {error.filename or folder.path}: {error.strerror}"
        reason = f"{problem}. {repeat} the command: it resumes from the last checkpoint."
    else:
        reason = f"{folder.path} was removed while the run was writing it; the same command starts it again"
    print_line(f"error: {reason}", sys.stderr)
    return FAILED


def run_in_folder(
    folder: RunFolder,
    config: Config,
    samples: Samples,
    device: str,
    stop: StopRequest,
    quiet: bool,
    distributed: DistributedContext,
    callbacks: Callbacks,
) -> int:
    """Train in the open folder; turn every outcome into a status, a line and an exit code."""
    from runner.train.build import build_trainer

    progress = Progress()  # replaced by the trainer's once there is one
    trainer, status = None, "failed"
    log = folder.path / LOG if distributed.is_main else Path(os.devnull)
    with contextlib.closing(Console(log, config.settings.log.progress, quiet or not distributed.is_main)) as console:
        try:
            trainer = build_trainer(config, folder, samples, device, console, stop, distributed)
            progress = trainer.progress
            train(trainer, console, callbacks)
            return STOPPED_BY_SIGNAL + stop.number if stop.number else 0  # a late signal still ends a sweep
        except (Interrupted, KeyboardInterrupt) as interruption:
            status = "interrupted"
            console.end()
            write_status(folder, config.task, status, progress)
            return exit_code_of(interruption, console)
        except Exception as error:
            if isinstance(error, OSError) and is_of_folder(error, folder):
                raise
            console.end()
            write_status(folder, config.task, status, progress)
            console.log(traceback.format_exc())
            distributed.print_error(traceback.format_exc())
            console.print(f"failed: {type(error).__name__}: {first_line(error)}; traceback in {folder.path / LOG}")
            return FAILED
        finally:
            if trainer:
                trainer.metrics.loggers.close(status)  # no effect where train() has closed them


def exit_code_of(interruption: BaseException, console: Console) -> int:
    """Print how to resume the run, and return the exit code."""
    if isinstance(interruption, Interrupted):
        console.print(f"Stopped by {interruption}; the same command resumes from here.")
        return interruption.exit_code
    console.print("Stopped at once; the same command resumes from the last checkpoint.")
    return STOPPED_BY_SIGNAL + signal.SIGINT


def train(trainer: Trainer, console: Console, callbacks: Callbacks) -> None:
    """Train, test, save the data of the task's pictures, call the callbacks and write the results."""
    config, folder, images = trainer.config, trainer.folder, None
    write_status(folder, config.task, "running", trainer.progress)
    console.start(config.settings.epochs, trainer.progress.epoch, trainer.steps_per_epoch)
    try:
        trainer.fit()
        tested = trainer.test()
        if trainer.distributed.is_main:
            images = config.task.images(trainer.model, trainer.samples)
        status, results = "done", {"test": tested["best"], "test_last": tested["last"]}
    except Diverged as error:
        status, results = "diverged", {"diverged": error.where}
    finally:
        console.end()
        trainer.metrics.close()
    if trainer.distributed.is_main:
        trajectory = config.task.trajectory(trainer.model, step_rows(read_rows(folder.path / METRICS)))
        if images:
            save_images(folder.path, images)
        if trajectory:
            save_trajectory(folder.path, trajectory)
        if message := callbacks.on_run_end(folder.path):
            console.print(message)
    trainer.metrics.loggers.close(status)  # before the run counts as finished: its rows would not be sent again
    content = write_status(folder, config.task, status, trainer.progress, **results)
    console.print(result_lines(config, content, folder))
