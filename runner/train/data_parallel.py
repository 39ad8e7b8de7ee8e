"""The network as several processes train it: gradients averaged, batch norm over the whole batch where possible."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from runner.train.distributed import DistributedContext


def data_parallel(network: nn.Module, distributed: DistributedContext) -> nn.Module:
    """The same network, whose backward pass averages the gradients over the processes.

    Unlike torch's default, buffers are not broadcast before every pass: the backward pass does not use them, and
    evaluation broadcasts the main process's (DistributedContext.broadcast_buffers).
    """
    if distributed.size == 1:
        return network
    return DistributedDataParallel(network, forward_sync_buffers=False)


def with_sync_batch_norm(
    network: nn.Module, distributed: DistributedContext, print_line: Callable[[str], None]
) -> nn.Module:
    """The network with batch norm over all processes' samples, which torch has on CUDA only; elsewhere a notice.

    Weights and buffers stay the same objects under the same names.
    """
    if distributed.size == 1 or not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return network
    if next(network.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    print_line(
        "Batch norm: each process normalises its shard of a batch, and evaluation uses the main process's statistics; "
        "torch synchronises batch norm on CUDA only."
    )
    return network
