"""What a run needs before its folder is opened: the device, torch's global switches, the samples.

torch is imported inside functions: a mistake is refused without waiting for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.train.distributed import SINGLE_PROCESS, DistributedContext

if TYPE_CHECKING:
    from data.samples import Samples


def prepare_torch(config: Config, distributed: DistributedContext = SINGLE_PROCESS) -> str:
    """Choose the device and set torch's global switches; ConfigError if the device can't be had."""
    if config.settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    import torch

    from runner.train.device import choose_device

    device = choose_device(config.settings.device, distributed)
    refuse_unshared(config, distributed)
    if config.settings.cuda_graphs and not device.startswith("cuda"):
        raise ConfigError(f"cuda_graphs=true needs a CUDA device; this run is on {device}")
    if distributed.size > 1 and device.startswith("cuda"):
        torch.cuda.set_device(device)
    torch.use_deterministic_algorithms(config.settings.deterministic)
    torch.backends.cudnn.benchmark = not config.settings.deterministic  # every full batch has one shape
    if config.settings.threads:
        torch.set_num_threads(config.settings.threads)
    return device


def refuse_unshared(config: Config, distributed: DistributedContext) -> None:
    """ConfigError for what several processes can't share."""
    settings, size = config.settings, distributed.size
    if size > 1 and settings.cuda_graphs:
        raise ConfigError(f"cuda_graphs=true records one process's work; leave it out with {size} processes")
    if settings.full_pass < size:
        parts = f" in accumulate={settings.accumulate} parts" if settings.accumulate > 1 else ""
        raise ConfigError(
            f"batch_size={settings.batch_size}{parts} can't be shared by {size} processes: each needs a sample"
        )


def load_in_turn(config: Config, distributed: DistributedContext) -> Samples:
    """Load the samples in one process of each machine, which may download them, and then in the others."""
    samples = None
    for turn in (True, False):
        with distributed.raise_together():
            if turn == (distributed.local_rank == 0):
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
