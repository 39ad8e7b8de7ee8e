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
from typing import TYPE_CHECKING, TextIO

from results.run_folder import RunFolder, folder_of
from runner.config.schema import Config
from runner.config.validate import ConfigError
from runner.train.build import set_up
from runner.train.distributed import ALONE, FAILED, Processes
from runner.train.null_writers import ReadFolder
from runner.train.signals import STOPPED_BY_SIGNAL, Interrupted, StopRequest
from runner.train.status import finished, result_lines, write_status

if TYPE_CHECKING:
    from data.samples import Samples
    from runner.train.console import Console
    from runner.train.trainer import Trainer

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)  # the run is not to blame for these


def run(config: Config, quiet: bool = False, processes: Processes = ALONE) -> int:
    """Run, resume or show an experiment; return its exit code. ConfigError if it can't start.

    quiet: say everything to log.txt only, as one run of a sweep does. processes: all of them call this together.
    """
    folder = RunFolder(folder_of(config)) if processes.first else ReadFolder(folder_of(config))
    earlier = processes.everyone(folder.read_json("status.json"))[0]
    if earlier and finished(earlier, config.task.metric) and not config.settings.rerun:
        tell(f"This run is finished; rerun=true runs it again.\n{result_lines(config, earlier, folder)}")
        return 0
    with StopRequest(processes.launched) as stop:  # a signal while torch is imported would break the import
        with processes.agreed():
            device = prepare_torch(config, processes)
        samples = load_in_turn(config, processes).to(device)
        with processes.agreed():
            folder.open()
        try:
            with processes.agreed():  # nobody reads what is about to be removed
                if config.settings.rerun and (earlier or {}).get("status") not in ("running", "interrupted"):
                    folder.clear()  # an interrupted rerun goes on instead
            return run_in(folder, config, samples, device, stop, quiet, processes)
        except OSError as error:
            if error.errno not in DISK:
                raise
            where = f"can't write {folder.path}: {error.strerror}"
            tell(f"error: {where}. Make room and repeat the command: it goes on from the last checkpoint.", sys.stderr)
            return FAILED
        finally:
            folder.close()


def tell(text: str, stream: TextIO | None = None) -> None:
    """Print; a reader that has gone away (`| head`) is no error."""
    with contextlib.suppress(BrokenPipeError):
        print(text, file=stream or sys.stdout, flush=True)


def prepare_torch(config: Config, processes: Processes = ALONE) -> str:
    """Choose the device and set torch's global switches; ConfigError if the device can't be had."""
    if config.settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    import torch

    from runner.train.device import choose_device

    device = choose_device(config.settings.device, processes)
    refuse_unshared(config, processes)
    if config.settings.cuda_graphs and not device.startswith("cuda"):
        raise ConfigError(f"cuda_graphs=true needs a CUDA device; this run is on {device}")
    if processes.size > 1 and device.startswith("cuda"):
        torch.cuda.set_device(device)
    torch.use_deterministic_algorithms(config.settings.deterministic)
    torch.backends.cudnn.benchmark = not config.settings.deterministic  # every full batch has one shape
    if config.settings.threads:
        torch.set_num_threads(config.settings.threads)
    return device


def refuse_unshared(config: Config, processes: Processes) -> None:
    """ConfigError for what several processes can't share."""
    settings, size = config.settings, processes.size
    if size > 1 and settings.cuda_graphs:
        raise ConfigError(f"cuda_graphs=true records one process's work; leave it out with {size} processes")
    if settings.full_pass < size:
        parts = f" in accumulate={settings.accumulate} parts" if settings.accumulate > 1 else ""
        raise ConfigError(
            f"batch_size={settings.batch_size}{parts} can't be shared by {size} processes: each needs a sample"
        )


def load_in_turn(config: Config, processes: Processes) -> Samples:
    """Load the samples in one process of each machine, which may download them, and then in the others."""
    samples = None
    for turn in (True, False):
        with processes.agreed():
            if turn == (processes.local_rank == 0):
                samples = load_samples(config)
    assert samples is not None
    return samples


def load_samples(config: Config) -> Samples:
    try:
        samples = config.data.load(config.limits)
        if config.settings.drop_last and len(samples.train) < config.settings.batch_size:
            raise ValueError(
                f"drop_last=true with batch_size={config.settings.batch_size} leaves nothing of "
                f"{len(samples.train)} training samples"
            )
        return samples
    except (FileNotFoundError, ValueError) as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"data={config.data.name}: can't read {error.filename}: {error.strerror}") from None


def run_in(
    folder: RunFolder,
    config: Config,
    samples: Samples,
    device: str,
    stop: StopRequest,
    quiet: bool = False,
    processes: Processes = ALONE,
) -> int:
    """Train in the open folder and turn every ending into a status, a line and an exit code."""
    from runner.train.console import Console
    from runner.train.progress import Progress

    progress = Progress()  # replaced by the trainer's once there is one
    trainer, ending = None, "failed"
    log = folder.path / "log.txt" if processes.first else Path(os.devnull)
    with contextlib.closing(Console(log, config.settings.log.progress, quiet or not processes.first)) as console:
        try:
            trainer = set_up(config, folder, samples, device, console, stop, processes)
            progress = trainer.progress
            train(trainer, config, folder, console)
            return STOPPED_BY_SIGNAL + stop.number if stop.number else 0  # a late signal still ends a sweep
        except Interrupted as stopped:
            ending = "interrupted"
            console.end()
            write_status(folder, config.task, "interrupted", progress)
            console.say(f"Stopped by {stopped}; the same command goes on from here.")
            return stopped.exit_code
        except KeyboardInterrupt:
            ending = "interrupted"
            console.end()
            write_status(folder, config.task, "interrupted", progress)
            console.say("Stopped at once; the same command goes on from the last checkpoint.")
            return 130
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK:
                raise
            console.end()
            console.note(traceback.format_exc())
            processes.complain(traceback.format_exc())
            write_status(folder, config.task, "failed", progress)
            console.say(f"failed: {type(error).__name__}: {first_line(error)}; traceback in {folder.path / 'log.txt'}")
            return FAILED
        finally:
            if trainer:
                trainer.records.sinks.close(ending)  # unless it is closed, as done or diverged


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["(no message)"])[0]


def train(trainer: Trainer, config: Config, folder: RunFolder, console: Console) -> None:
    """Train, test, draw and report."""
    from report.figures.curves import draw_curves
    from runner.train.progress import Diverged

    write_status(folder, config.task, "running", trainer.progress)
    console.start(config.settings.epochs, trainer.progress.epoch, trainer.steps_per_epoch)
    try:
        trainer.fit()
        tested = trainer.test()
        if trainer.processes.first:
            config.task.show(trainer.model, trainer.samples, folder.path)
        ending, results = "done", {"test": tested["best"], "test_last": tested["last"]}
    except Diverged as error:
        ending, results = "diverged", {"diverged": error.where}
    finally:
        console.end()
        trainer.records.close()
    if trainer.processes.first:
        draw_curves(folder.path)
        config.task.trace(trainer.model, folder.path)
    trainer.records.sinks.close(ending)  # before the run counts as finished: nobody would send them the rest
    status = write_status(folder, config.task, ending, trainer.progress, **results)
    console.say(result_lines(config, status, folder))
