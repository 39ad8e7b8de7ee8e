"""From a configuration to a trainer that stands where its run stands: at the start, or where a checkpoint left it.

torch is imported inside functions, as in runner.run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.folder import RunFolder
from runner.onlookers import NoRecords
from runner.processes import ALONE, Processes
from runner.schema import Config
from runner.signals import StopRequest

if TYPE_CHECKING:
    from torch import nn

    from data.samples import Samples
    from optim import ComposedOptimizer
    from runner.console import Console
    from runner.training import Trainer


def set_up(
    config: Config,
    folder: RunFolder,
    samples: Samples,
    device: str,
    console: Console,
    stop: StopRequest,
    processes: Processes = ALONE,
    kind: type[Trainer] | None = None,
) -> Trainer:
    """Build what trains, and begin the run's record or take up an interrupted run. kind: of Trainer."""
    from omegaconf import OmegaConf

    from runner import checkpoint
    from runner.records import Records
    from runner.sinks.feed import sinks
    from runner.training import Trainer

    model, optimizer = build(config, device, console, processes)
    trainer = (kind or Trainer)(config, samples, model, optimizer, folder, console, stop, processes)
    saved = checkpoint.load(folder.path / "checkpoints" / "last.pt", device)
    if saved is None or not (folder.path / "config.yaml").exists():
        folder.write_text("config.yaml", OmegaConf.to_yaml(OmegaConf.create({**config.plain, "rerun": False})))
    if saved is None:
        begin(trainer, config, device)
    else:
        take_up(trainer, saved, device)
    lengths = saved["records"] if saved else None
    trainer.records = (
        Records(folder.path, lengths, sinks(config, folder, console.say)) if processes.first else NoRecords()
    )
    return trainer


def build(config: Config, device: str, console: Console, processes: Processes) -> tuple[nn.Module, ComposedOptimizer]:
    """Model and optimizer, from their streams of the seed."""
    import torch

    import optim
    from runner.parallel import synchronised
    from runner.seeding import seed_process, stream_seed

    seed = config.settings.seed
    torch.manual_seed(stream_seed(seed, "init"))
    model = config.model.build(config.data.shape, config.data.classes).to(device)
    if config.settings.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = synchronised(model, processes, console.say)
    seed_process(seed, processes.rank)
    optimizer = optim.build(
        config.optim,
        model.parameters(),
        wrap=config.wrap,
        backend=config.settings.backend,
        seed=stream_seed(seed, "noise"),
    )
    if project := getattr(model, "project", None):  # weights that must stay in a set
        optimizer.register_step_post_hook(lambda *_: project())
    return model, optimizer


def begin(trainer: Trainer, config: Config, device: str) -> None:
    """Write down and tell what is run, on what."""
    from runner.environment import environment

    trainer.folder.write_json("environment.json", environment(device, trainer.processes.size))
    parameters = sum(p.numel() for p in trainer.model.parameters())
    size = trainer.processes.size
    where = device if size == 1 else f"{size} processes on {device.partition(':')[0]}"
    trainer.console.say(
        f"{config.task.name}: {trainer.samples.sizes()} samples of {config.data.name}; {config.model.name} with "
        f"{parameters:,} parameters; {config.optim.name}; {where}"
    )


def take_up(trainer: Trainer, saved: dict[str, Any], device: str) -> None:
    """Go on from a checkpoint. ValueError if it is not of this run, or not the same in all processes."""
    from runner.environment import environment, now

    folder, processes = trainer.folder, trainer.processes
    try:
        trainer.resume(saved)
    except (KeyError, TypeError, ValueError) as error:
        path = folder.path / "checkpoints" / "last.pt"
        raise ValueError(f"{path} is not of this run ({error}); rerun=true runs from the start") from error
    if len(set(processes.everyone(trainer.progress.step))) > 1:
        raise ValueError(
            f"the processes read different checkpoints; outputs must be one folder on all machines: {folder.path}"
        )
    known = folder.read_json("environment.json") or environment(device, processes.size)
    folder.write_json("environment.json", {**known, "resumed": [*known.get("resumed", []), now()]})
    trainer.console.say(f"Resuming after epoch {trainer.progress.epoch}, step {trainer.progress.step}.")
