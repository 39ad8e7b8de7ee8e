"""What a run needs before its folder is opened: the device, torch's global settings, the samples."""

from __future__ import annotations

import os

import torch

from data.samples import Samples
from runner.config.errors import ConfigError, data_errors
from runner.config.schema import Config
from runner.train.device import choose_device
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.single_sample import check_single_samples


def prepare_torch(config: Config, distributed: DistributedContext = SINGLE_PROCESS) -> str:
    """Choose the device, set torch's global settings and return the device; ConfigError if the settings don't fit."""
    settings = config.settings
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    device = choose_device(settings.device, distributed)
    check_process_count(config, distributed)
    if settings.cuda_graphs and not device.startswith("cuda"):
        raise ConfigError(f"cuda_graphs=true needs a CUDA device; this run is on {device}")
    if distributed.size > 1 and device.startswith("cuda"):
        torch.cuda.set_device(device)
    if settings.deterministic != torch.are_deterministic_algorithms_enabled():  # it imports torch's compiler
        torch.use_deterministic_algorithms(settings.deterministic)
    torch.backends.cudnn.benchmark = not settings.deterministic  # every full batch has one shape
    # Velocities of units that no longer get gradients decay to numbers below 1e-38, with which x86 CPUs are slow. Only
    # threads that torch starts after this do so too: before the first parallel operation it holds for all.
    torch.set_flush_denormal(True)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return device


def check_process_count(config: Config, distributed: DistributedContext) -> None:
    """ConfigError for settings that do not go with this number of processes."""
    settings, size = config.settings, distributed.size
    if size > 1 and config.model.stateful:
        which = f"model={config.model.name} carries a state from batch to batch"
        raise ConfigError(f"{which}, of all columns at once: it trains in one process, not in {size}")
    if size > 1 and settings.cuda_graphs:
        raise ConfigError(f"cuda_graphs=true records the work of one process; leave it out with {size} processes")
    if size > 1 and (reason := config.data.one_process_only):
        raise ConfigError(f"{reason}; run data={config.data.name} in one process, not {size}")
    if settings.full_pass < size:
        passes = f" in accumulate={settings.accumulate} passes" if settings.accumulate > 1 else ""
        raise ConfigError(
            f"batch_size={settings.batch_size}{passes} can't be split over {size} processes: each needs a sample"
        )


def load_local_main_first(config: Config, distributed: DistributedContext) -> Samples:
    """Load the samples in one process of each machine, which may download them, and then in the others."""
    samples = None
    for is_local_main in (True, False):
        with distributed.raise_together():
            if is_local_main == (distributed.local_rank == 0):
                samples = load_training_samples(config, distributed)
    assert samples is not None
    if len(set(distributed.all_gather(samples.fingerprint))) > 1:
        raise ConfigError(
            f"data={config.data.name}: the processes of this run see different files; they must be the same everywhere"
        )
    return samples


def load_training_samples(config: Config, distributed: DistributedContext = SINGLE_PROCESS) -> Samples:
    """The samples of `data`; ConfigError also if the network can't be trained on one of their batches."""
    samples = load_samples(config)
    check_single_samples(config, len(samples.train), distributed)
    return samples


def load_samples(config: Config) -> Samples:
    """The samples of `data`; ConfigError if they are missing, unreadable or too few for drop_last."""
    data, threads, batch_size = config.data, config.settings.threads, config.settings.batch_size
    with data_errors(data.name):
        samples = (data.with_threads(threads) if threads else data).load(config.limits, batch_size)
    n = len(samples.train)
    if config.settings.drop_last and n < batch_size:
        raise ConfigError(f"drop_last=true with batch_size={batch_size} leaves nothing of {n} training samples")
    return samples
