"""One run from its configuration to its result: data, folder, model, optimizer, training, test, pictures.

torch is imported inside functions: a finished run is shown, and a mistake refused, without waiting for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from results.images import save_images
from results.lock import FolderInUse
from results.metrics import read_rows, step_rows
from results.paths import LOG, METRICS, STATUS
from results.run_folder import ReadOnlyRunFolder, RunFolder
from results.status import is_finished
from results.trajectory import save_trajectory
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.config.errors import ConfigError, RunInProgressError
from runner.config.schema import Config
from runner.train.distributed import FAILED, SINGLE_PROCESS, DistributedContext
from runner.train.output import first_line, print_line
from runner.train.prepare import load_in_turn, prepare_torch
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted, StopRequest
from runner.train.status import result_lines, write_status

if TYPE_CHECKING:
    from data.samples import Samples
    from runner.train.console import Console
    from runner.train.trainer import Trainer

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)  # not the run's own failure


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
    earlier = distributed.all_gather(folder.read_json(STATUS))[0]
    if earlier and is_finished(earlier, config.task.metric) and not config.settings.rerun:
        print_line(f"This run is finished; rerun=true runs it again.\n{result_lines(config, earlier, folder)}")
        return 0
    with StopRequest(distributed.launched) as stop:  # a signal while torch is imported would break the import
        with distributed.raise_together():
            device = prepare_torch(config, distributed)
        samples = load_in_turn(config, distributed).to(device)
        with distributed.raise_together():
            open_folder(folder)
        try:
            with distributed.raise_together():  # no process reads what is about to be removed
                if config.settings.rerun and (earlier or {}).get("status") not in ("running", "interrupted"):
                    folder.clear()  # an interrupted rerun goes on instead
            return run_in(folder, config, samples, device, stop, quiet, distributed, callbacks)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            message = f"can't write {folder.path}: {error.strerror}. Make room and repeat the command"
            print_line(f"error: {message}: it goes on from the last checkpoint.", sys.stderr)
            return FAILED
        finally:
            folder.close()


def open_folder(folder: RunFolder) -> None:
    """Open a run's folder; ConfigError if it can't be written, RunInProgressError if another process has it open."""
    try:
        folder.open()
    except FolderInUse:
        message = f"another process is running this experiment in {folder.path}; wait for it or stop it"
        raise RunInProgressError(message) from None
    except OSError as error:
        raise ConfigError(f"outputs: can't write {folder.path} ({error.strerror or error})") from None


def run_in(
    folder: RunFolder,
    config: Config,
    samples: Samples,
    device: str,
    stop: StopRequest,
    quiet: bool,
    distributed: DistributedContext,
    callbacks: Callbacks,
) -> int:
    """Train in the open folder and turn every ending into a status, a line and an exit code."""
    from runner.train.build import build_trainer
    from runner.train.console import Console
    from runner.train.progress import Progress

    progress = Progress()  # replaced by the trainer's once there is one
    trainer, ending = None, "failed"
    log = folder.path / LOG if distributed.is_main else Path(os.devnull)
    with contextlib.closing(Console(log, config.settings.log.progress, quiet or not distributed.is_main)) as console:
        try:
            trainer = build_trainer(config, folder, samples, device, console, stop, distributed)
            progress = trainer.progress
            train(trainer, console, callbacks)
            return STOPPED_BY_SIGNAL + stop.number if stop.number else 0  # a late signal still ends a sweep
        except (Interrupted, KeyboardInterrupt) as stopped:
            ending = "interrupted"
            console.end()
            write_status(folder, config.task, ending, progress)
            if isinstance(stopped, Interrupted):
                console.print(f"Stopped by {stopped}; the same command goes on from here.")
                return stopped.exit_code
            console.print("Stopped at once; the same command goes on from the last checkpoint.")
            return 130
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                raise
            console.end()
            console.log(traceback.format_exc())
            distributed.print_error(traceback.format_exc())
            write_status(folder, config.task, "failed", progress)
            console.print(f"failed: {type(error).__name__}: {first_line(error)}; traceback in {folder.path / LOG}")
            return FAILED
        finally:
            if trainer:
                trainer.metrics.loggers.close(ending)  # no effect where train() has closed them


def train(trainer: Trainer, console: Console, callbacks: Callbacks) -> None:
    """Train, test and write the results, with the data of the task's pictures."""
    from runner.train.progress import Diverged

    config, folder, images = trainer.config, trainer.folder, None
    write_status(folder, config.task, "running", trainer.progress)
    console.start(config.settings.epochs, trainer.progress.epoch, trainer.steps_per_epoch)
    try:
        trainer.fit()
        tested = trainer.test()
        if trainer.distributed.is_main:
            images = config.task.images(trainer.model, trainer.samples)
        ending, results = "done", {"test": tested["best"], "test_last": tested["last"]}
    except Diverged as error:
        ending, results = "diverged", {"diverged": error.where}
    finally:
        console.end()
        trainer.metrics.close()
    if trainer.distributed.is_main:
        trajectory = config.task.trajectory(trainer.model, step_rows(read_rows(folder.path / METRICS)))
        if images:
            save_images(folder.path, images)
        if trajectory:
            save_trajectory(folder.path, trajectory)
        callbacks.on_run_end(folder.path)
    trainer.metrics.loggers.close(ending)  # before the run counts as finished: the rows would not be sent again
    status = write_status(folder, config.task, ending, trainer.progress, **results)
    console.print(result_lines(config, status, folder))
