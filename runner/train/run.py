"""One run from its configuration to its result: samples, folder, training, test, status.

torch is imported late: a finished run is shown without it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from results.images import save_images
from results.lock import FolderInUse
from results.metrics import read_rows, step_rows
from results.paths import LOG, METRICS, SAMPLE
from results.records import read_status
from results.run_folder import ReadOnlyRunFolder, RunFolder
from results.status import is_finished
from results.trajectory import save_trajectory
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.config.errors import ConfigError, RunInProgressError
from runner.config.schema import Config
from runner.train.console import Console
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.failure import Failure
from runner.train.output import print_line
from runner.train.progress import Diverged, Progress
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted, StopRequest
from runner.train.status import rerun_text, result_lines, write_status

if TYPE_CHECKING:
    from data.samples import Samples
    from runner.train.trainer import Trainer


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
    if show_finished(folder, config, quiet, distributed):
        return 0
    with StopRequest(distributed.launched) as stop:  # first: a signal while torch is imported would break the import
        try:
            samples, device = prepare(config, stop, distributed)
        except Interrupted as stopped:
            if not quiet:
                print_line(f"Stopped by {stopped} before the first step; the same command starts again.")
            return stopped.exit_code
        except ConfigError:
            raise
        except Exception as error:  # of any kind: no memory, a library's own
            with distributed.raise_together():
                open_folder(folder)
            with contextlib.closing(folder):
                return Failure(error).report(folder, config, Progress(), distributed, quiet)
        with distributed.raise_together():
            open_folder(folder)
        with contextlib.closing(folder):
            if show_finished(folder, config, quiet, distributed):  # by now, by another process
                return 0
            with distributed.raise_together():  # a barrier: no process reads what is about to be removed
                clear_for_rerun(folder, config)
            return run_in_folder(folder, config, samples, device, stop, quiet, distributed, callbacks)


def show_finished(folder: RunFolder, config: Config, quiet: bool, distributed: DistributedContext) -> bool:
    """Whether the run is finished and is not to be run again; if so, print its result."""
    status = distributed.all_gather(read_status(folder.path))[0]
    if not status or not is_finished(status, config.task.metric) or config.settings.rerun:
        return False
    if not quiet:
        print_line(f"This run is finished; {rerun_text(config, folder)}.\n{result_lines(config, status, folder)}")
    return True


def clear_for_rerun(folder: RunFolder, config: Config) -> None:
    """Remove an earlier run's files for rerun=true; an interrupted rerun is resumed instead."""
    status = read_status(folder.path) or {}
    if config.settings.rerun and status.get("status") not in ("running", "interrupted"):
        folder.clear()


def prepare(config: Config, stop: StopRequest, distributed: DistributedContext) -> tuple[Samples, str]:
    """The samples, on the device, and the device. Raises Interrupted by a signal: downloads take minutes."""
    from runner.train.branch import check_stem
    from runner.train.prepare import load_local_main_first, prepare_torch

    with stop.raising(several_processes=distributed.size > 1):
        with distributed.raise_together():
            check_stem(config)
            device = prepare_torch(config, distributed)
        return load_local_main_first(config, distributed).to(device), device


def open_folder(folder: RunFolder) -> None:
    """Open a run's folder; ConfigError if it can't be written, RunInProgressError if another process has it open."""
    try:
        folder.open()
    except FolderInUse:
        raise RunInProgressError(
            f"another process is running this experiment in {folder.path}; wait for it or stop it"
        ) from None
    except OSError as error:
        raise ConfigError(f"outputs: can't write {folder.path} ({error.strerror or error})") from None
    except ValueError as error:
        raise ConfigError(f"outputs: {error}") from None


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
    progress = Progress()  # replaced by the trainer's once there is one
    trainer, status = None, "failed"
    log = folder.path / LOG if distributed.is_main else Path(os.devnull)
    try:
        with contextlib.closing(
            Console(log, config.settings.log.progress, quiet or not distributed.is_main)
        ) as console:
            try:
                from runner.train.build import build_trainer

                trainer = build_trainer(config, folder, samples, device, console, stop, distributed)
                progress = trainer.progress
                trainer.raise_if_stopped()
                train(trainer, console, callbacks)
                return STOPPED_BY_SIGNAL + stop.number if stop.number else 0  # a late signal still ends a sweep
            except (Interrupted, KeyboardInterrupt) as interruption:
                status = "interrupted"
                console.end()
                write_status(folder, config.task, status, progress)
                return exit_code_of(interruption, stop, console)
            finally:
                if trainer:
                    trainer.metrics.close()
                    status = "interrupted" if stop.number and status == "failed" else status
                    trainer.metrics.loggers.close(status)  # no effect where train() has closed them
    except Exception as error:
        return Failure(error, stop.number).report(folder, config, progress, distributed, quiet)


def exit_code_of(interruption: BaseException, stop: StopRequest, console: Console) -> int:
    """Print how to resume the run, and return the exit code."""
    if isinstance(interruption, Interrupted):
        console.print(f"Stopped by {interruption}; the same command resumes from here.")
        return interruption.exit_code
    console.print("Stopped at once; the same command resumes from the last checkpoint.")
    return STOPPED_BY_SIGNAL + (stop.number or signal.SIGINT)


def train(trainer: Trainer, console: Console, callbacks: Callbacks) -> None:
    """Train, test, save the task's text and the data of its pictures, call the callbacks and write the results.

    A paused run has no results yet: its checkpoint and status wait for the command that goes on with it.
    """
    config, folder, images, text = trainer.config, trainer.folder, None, None
    write_status(folder, config.task, "running", trainer.progress)
    console.start(config.settings.epochs, trainer.progress.epoch, trainer.steps_per_epoch)
    try:
        trainer.fit()
        if config.pause and not trainer.progress.is_over(config.settings.epochs):
            status, results = "stopped", {"stopped": {"epoch": trainer.progress.epoch, "by": config.pause.by}}
        else:
            tested = trainer.test()
            if trainer.distributed.is_main:
                images = config.task.images(trainer.model, trainer.samples)
                text = config.task.written_text(trainer.model, trainer.samples, config.data, config.settings.seed)
            status, results = "done", {"test": tested["best"], "test_last": tested["last"]}
    except Diverged as error:
        status, results = "diverged", {"diverged": error.where}
    finally:
        console.end()
        trainer.metrics.close()
    if trainer.distributed.is_main and status != "stopped":
        trajectory = config.task.trajectory(trainer.model, step_rows(read_rows(folder.path / METRICS)))
        if images:
            save_images(folder.path, images)
        if text is not None:
            folder.write_text(SAMPLE, text)
        if trajectory:
            save_trajectory(folder.path, trajectory)
        if message := callbacks.on_run_end(folder.path):
            console.print(message)
    ending = "interrupted" if status == "stopped" else status
    trainer.metrics.loggers.close(ending)  # before the run counts as finished: its rows would not be sent again
    content = write_status(folder, config.task, status, trainer.progress, **results)
    console.print(result_lines(config, content, folder))
