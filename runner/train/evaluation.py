"""Validation and test: loss and metric over every sample of a part."""

from __future__ import annotations

import torch
from torch import nn

from data.samples import Samples
from runner.config.schema import Settings
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.forward import forward, state_from_zero
from runner.train.progress import Means
from runner.train.sharding import evaluation_shard
from tasks.task import Task


@torch.no_grad()
def evaluate(
    network: nn.Module,
    task: Task,
    samples: Samples,
    part: str,
    settings: Settings,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> Means:
    """Means over "val" or "test", over all processes; each sample counts once. The device is read once, at the end."""
    network.eval()
    distributed.broadcast_buffers(network)
    shard = evaluation_shard(samples, part, distributed.rank, distributed.size)
    losses, metric_sums, sizes = [], [], []
    with state_from_zero(network):
        for x, y in shard.eval_batches(part, settings.eval_batch_size):
            if len(y):  # of fewer samples than processes, some get none
                output = forward(network, x, settings)
                losses.append(task.loss(output, x, y))
                metric_sums.append(task.metric_sum(output, x, y))
                sizes.append(task.batch_weight(len(y), y))
    numbers = [torch.stack(each).tolist() if each else [] for each in (losses, metric_sums)]
    means = Means()
    for loss, metric_sum, size in zip(*numbers, sizes, strict=True):
        means.add(loss, metric_sum, size)
    loss, metric_sum, size = distributed.sum_numbers(means.loss, means.metric, means.samples)
    return Means(loss, metric_sum, int(size))
