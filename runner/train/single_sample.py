"""Batches that leave one sample for a pass through a network that can't train on one, found before training."""

from __future__ import annotations

import torch

from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.train.device import choose_device
from runner.train.distributed import DistributedContext
from runner.train.sharding import BatchSharding


def check_single_samples(config: Config, n: int, distributed: DistributedContext) -> None:
    """ConfigError if one of the passes of an epoch of n samples has one sample, and batch norm refuses that.

    Batch norm has no variance where a channel has one value: of one sample after pooling to one pixel or on features,
    but not of one sample with more pixels. So the network is asked. On CUDA, several processes normalise together.
    """
    settings = config.settings
    if distributed.size > 1 and choose_device(settings.device, distributed).startswith("cuda"):
        return
    last = 0 if settings.drop_last else n % settings.batch_size
    full = settings.batch_size if n >= settings.batch_size else 0
    single = next((size for size in (full, last) if size and smallest_pass(size, config, distributed) == 1), 0)
    if not single or not refuses_one_sample(config):
        return
    which = "a batch" if single == full else f"the last batch of {n} training samples"
    parts = [f"in accumulate={settings.accumulate} passes"] if settings.accumulate > 1 else []
    parts += [f"over {distributed.size} processes"] if distributed.size > 1 else []
    split = f" split {' and '.join(parts)}" if parts else ""
    cures = ["drop_last=true"] if single != full and full else []
    cures += [("another batch_size" if n > 1 else "more training samples")] + (
        ["another accumulate"] if settings.accumulate > 1 else []
    )
    cures += ["another number of processes"] if distributed.size > 1 else []
    raise ConfigError(
        f"batch_size={settings.batch_size}: {which} has {single} sample{'s' if single > 1 else ''}{split}, so one goes "
        f"through model={config.model.name} alone, whose batch norm needs two: avoided by {' or '.join(cures)}"
    )


def smallest_pass(n: int, config: Config, distributed: DistributedContext) -> int:
    """The fewest samples of a batch of n that go through the network at once, in any process."""
    shardings = [BatchSharding(config.settings.full_pass, rank, distributed.size) for rank in range(distributed.size)]
    return min(shard.size for sharding in shardings for shard in sharding.shards(n))


def refuses_one_sample(config: Config) -> bool:
    """Whether the network trains on two samples and not on one."""
    return not trains_on(1, config) and trains_on(2, config)


@torch.no_grad()
def trains_on(n: int, config: Config) -> bool:
    try:
        config.model.build(config.data.shape, config.data.classes).train()(torch.zeros(n, *config.data.shape))
    except Exception:  # of any kind: training reports what is not due to the number of samples
        return False
    return True
