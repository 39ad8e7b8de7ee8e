"""From a configuration to a trainer: of a new run, or of one that resumes from its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data.samples import Samples
from models.model import Model
from optim.external.config import ExternalConfig
from optim.external.optimizer import ExternalOptimizer
from optim.external.resume_check import check_resume
from optim.grouping.build import combine
from optim.grouping.combined import CombinedOptimizer
from optim.grouping.resolve import Group, resolve, unused_rules
from optim.grouping.table import group_rows, table_lines
from optim.interface import TrainingOptimizer
from optim.optimizer import ComposedOptimizer
from results.earlier_code import runs_by_other_code
from results.paths import BEST, CONFIG, ENVIRONMENT, LAST
from results.records import read_environment
from results.run_folder import RunFolder
from results.typed import convert
from results.values import one_line, quote
from runner.config.errors import ConfigError
from runner.config.registry import entries
from runner.config.schema import Config
from runner.loggers.buffered import open_loggers
from runner.loggers.run_info import RunInfo, comparison_columns
from runner.train import checkpoint
from runner.train.bfloat16 import bf16_is_slow, bf16_warning
from runner.train.branch import load_stem
from runner.train.console import Console
from runner.train.data_parallel import with_sync_batch_norm
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.environment import environment, now
from runner.train.metrics_writer import MetricsWriter, NullMetricsWriter
from runner.train.rng import seed_process
from runner.train.seeding import stream_seed
from runner.train.signals import StopRequest
from runner.train.status import write_config
from runner.train.trainer import Trainer, num_batches
from tasks.problem import Problem


def build_trainer(
    config: Config,
    folder: RunFolder,
    samples: Samples,
    device: str,
    console: Console,
    stop: StopRequest,
    distributed: DistributedContext = SINGLE_PROCESS,
    trainer_class: type[Trainer] = Trainer,
) -> Trainer:
    """Build model, optimizer and trainer, in the state of the run's checkpoint if it has one. folder: open.

    Raises ValueError if the checkpoint is damaged or not of this run.
    """
    model, optimizer = build_model_and_optimizer(config, samples, device, console, distributed)
    trainer = trainer_class(config, samples, model, optimizer, folder, console, stop, distributed)
    saved = checkpoint.load(folder.path / LAST, device)
    if saved is None or not (folder.path / CONFIG).exists():
        write_config(folder, config)
    if saved is None:
        start(trainer, device)
        if config.settings.branch.run is not None:
            load_stem(trainer, device)
    else:
        resume(trainer, saved, device)
    if warning := bf16_warning(config.settings.amp, bf16_is_slow(device)):
        console.print(warning)
    trainer.metrics = build_metrics_writer(trainer, saved["file_lengths"] if saved else None)
    return trainer


def build_model_and_optimizer(
    config: Config, samples: Samples, device: str, console: Console, distributed: DistributedContext
) -> tuple[nn.Module, TrainingOptimizer]:
    """Model and optimizer, with the random numbers of their streams of the seed."""
    seed = config.settings.seed
    torch.manual_seed(stream_seed(seed, "init"))
    model = config.model.build(config.data.shape, config.data.classes).to(device)
    check_state(config.model, model)
    if config.settings.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = with_sync_batch_norm(model, distributed, console.print)
    seed_process(seed, distributed.rank)
    settings = config.settings
    steps_per_epoch = num_batches(len(samples.train), settings.batch_size, settings.drop_last)
    optimizer = build_optimizer(config, model, steps_per_epoch)
    for external in external_parts(optimizer):
        external.unsaved = check_resume(external.config).lost
    if project := getattr(model, "project", None):  # a model whose weights must stay in a set
        optimizer.register_step_post_hook(lambda *_: project())
    return model, optimizer


def check_state(model: Model, network: nn.Module) -> None:
    """Raise ConfigError where a model does not say whether its network carries a state, which is checked before."""
    carries = hasattr(network, "reset_state")
    if carries != model.stateful:
        raise ConfigError(
            f"model={model.name}: stateful is {model.stateful}, and its network has {'a' if carries else 'no'} "
            "reset_state(); stateful=True and the method go together"
        )


def build_optimizer(config: Config, model: nn.Module, steps_per_epoch: int = 1) -> TrainingOptimizer:
    """The optimizer of the model's parameters. steps_per_epoch: of its training, for wrappers that count epochs."""
    seed, backend = stream_seed(config.settings.seed, "noise"), config.settings.backend
    wrap = [wrapper.in_steps(steps_per_epoch) for wrapper in config.wrap]
    if config.groups:
        return combine(parameter_groups(config, model), wrap, backend, seed)
    if isinstance(config.optim, ExternalConfig):
        return ExternalOptimizer(model.parameters(), config.optim)
    return ComposedOptimizer(model.parameters(), config.optim, wrap, backend=backend, seed=seed)


def external_parts(optimizer: TrainingOptimizer) -> list[ExternalOptimizer]:
    parts = optimizer.parts.values() if isinstance(optimizer, CombinedOptimizer) else [optimizer]
    return [part for part in parts if isinstance(part, ExternalOptimizer)]


def parameter_groups(config: Config, model: nn.Module) -> list[Group]:
    """The groups of the model's parameters; empty where the configuration has no rules."""
    return resolve(model, config.groups, config.optim, config.wrap) if config.groups else []


def start(trainer: Trainer, device: str) -> None:
    """Record the environment of a new run and print what it trains, and where."""
    config, size = trainer.config, trainer.distributed.size
    for earlier in runs_by_other_code(trainer.folder.path, config.plain, config.code):
        trainer.console.print(str(earlier))
    groups = parameter_groups(config, trainer.model)
    recorded = {"parameter_groups": group_rows(groups)} if groups else {}
    trainer.folder.write_json(ENVIRONMENT, {**find_environment(trainer, device), **recorded})
    parameters = sum(p.numel() for p in trainer.model.parameters())
    where = device if size == 1 else f"{size} processes on {device.partition(':')[0]}"
    trainer.console.print(
        f"{config.task.name}: {trainer.samples.sizes()} samples of {config.data.name}; {config.model.name} with "
        f"{parameters:,} parameters; {config.optim.name}; {where}"
    )
    hints = [] if trainer.console.quiet else default_lr_hints(config)
    schedule = [f"optim.lr_schedule.{note}." for note in config.lr_schedule.notes(config.settings.epochs_to_train)]
    resuming = [line for part in external_parts(trainer.optimizer) if (line := check_resume(part.config).line())]
    kept = config.settings.checkpoint.notes(config.settings.epochs)
    notes = map(one_line, trainer.samples.notes)  # of files with any name
    for line in (*notes, *schedule, *kept, *group_lines(config, groups), *resuming, *hints):
        trainer.console.print(line)


def find_environment(trainer: Trainer, device: str) -> dict[str, Any]:
    return environment(device, trainer.distributed.size, trainer.config.code, trainer.console.print)


def group_lines(config: Config, groups: list[Group]) -> list[str]:
    """The table of parameter groups, and a line for each rule that the network has no parameters for."""
    if not groups:
        return []
    unused = unused_rules(groups, config.groups)
    return [*table_lines(group_rows(groups)), *(f"groups.{name} fits no parameter of this network" for name in unused)]


def default_lr_hints(config: Config) -> list[str]:
    """A line for a run at its optimizer's default learning rate.

    Not for a toy, which has its own, nor a method that estimates the rate.
    """
    lr = config.optim.lr
    default = next((field.default for field in fields(config.optim) if field.name == "lr"), None)
    if lr != default or not lr or config.optim.estimates_lr or isinstance(config.task, Problem):
        return []
    others = ",".join(f"{lr * factor:g}" for factor in (0.01, 0.1, 1, 10))
    return [
        f"optim.lr={lr:g} is the default of {config.optim.name}, and what is best differs from task to task: "
        f"-m optim.lr={others} with the same command compares four."
    ]


def resume(trainer: Trainer, saved: dict[str, Any], device: str) -> None:
    """Load a checkpoint. Raises ValueError if it is not of this run, or not the same in all processes."""
    folder, distributed = trainer.folder, trainer.distributed
    if saved.get("samples", found := trainer.samples.fingerprint) != found:  # an earlier version saved none
        raise ValueError(
            f"data={trainer.config.data.name} has other files now than when this run began, or others can't be read; "
            f"its batches would be others: bring the files back, or {checkpoint.RERUN}"
        )
    try:
        trainer.state.load_state_dict(saved)
        convert(saved["file_lengths"], Mapping[str, int], "file_lengths")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:  # as torch raises them
        path, reason = folder.path / LAST, quote(f"{type(error).__name__}: {error}", 200)
        raise ValueError(f"{path} is not of this run ({reason}); {checkpoint.RERUN}") from error
    if distributed.is_main:
        check_best(trainer)
    if len(set(distributed.all_gather(trainer.progress.step))) > 1:
        raise ValueError(
            f"the processes read different checkpoints; outputs must be one folder on all machines: {folder.path}"
        )
    recorded = read_environment(folder.path) or find_environment(trainer, device)
    folder.write_json(ENVIRONMENT, {**recorded, "resumed": [*recorded.get("resumed", []), now()]})
    trainer.console.print(f"Resuming after epoch {trainer.progress.epoch}, step {trainer.progress.step}.")


def check_best(trainer: Trainer) -> None:
    """Raise ValueError if best.pt is missing or not the one that the checkpoint knows.

    It may be of a later validation: the run was killed after it was written, and validates that step again. That step
    may be the checkpoint's own, which is then from before the validation.
    """
    path, progress = trainer.folder.path / BEST, trainer.progress
    if progress.best is None or progress.best_checksum is None:
        return
    try:
        found = checkpoint.load(path, checksum=progress.best_checksum)
    except ValueError:
        found = checkpoint.load(path)
        step = found.get("step") if found else None
        if not isinstance(step, int) or step < progress.step or step <= progress.best["step"]:
            raise
    if found is None:
        raise ValueError(f"{path} is missing; {checkpoint.RERUN}")


def build_metrics_writer(trainer: Trainer, lengths: dict[str, int] | None) -> MetricsWriter:
    """lengths: bytes of each file at the checkpoint; None for a new run."""
    if not trainer.distributed.is_main:
        return NullMetricsWriter()
    config, folder = trainer.config, trainer.folder
    classes = [entries("logger")[name] for name in config.settings.logger]
    loggers = open_loggers(classes, run_info(config, folder), folder, trainer.console.print)
    return MetricsWriter(folder.path, lengths, loggers)


def run_info(config: Config, folder: RunFolder) -> RunInfo:
    """What loggers record of the run beside its rows."""
    git = read_environment(folder.path).get("git") or {}
    return RunInfo(
        folder=folder.path.absolute(),
        outputs=Path(config.settings.outputs).expanduser().absolute(),
        task=config.task.name,
        setting=config.label,
        signature=config.signature,
        seed=config.settings.seed,
        metric=config.task.metric,
        better=config.task.better,
        columns=comparison_columns(config.plain),
        config=config.plain,
        commit=git.get("commit"),
    )
