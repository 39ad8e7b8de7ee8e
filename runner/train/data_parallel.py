"""The network as several processes train it: gradients averaged, batch norm over the whole batch."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from runner.train.distributed import DistributedContext


def data_parallel(network: nn.Module, distributed: DistributedContext) -> nn.Module:
    """The same network, whose gradients become the processes' average in a backward pass.

    Buffers are not sent before every pass, as torch would: a backward pass does not read them, and evaluation takes
    the first process's (DistributedContext.same_buffers).
    """
    if distributed.size == 1:
        return network
    return DistributedDataParallel(network, forward_sync_buffers=False)


def with_sync_batch_norm(
    network: nn.Module, distributed: DistributedContext, print_line: Callable[[str], None]
) -> nn.Module:
    """The network with batch norm over all processes' samples, where torch has that: on CUDA.

    Weights and buffers stay the same objects under the same names.
    """
    if distributed.size == 1 or not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return network
    if next(network.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    print_line(
        "Batch norm: each process normalises its own share of a batch, and the first one's statistics are evaluated "
        "with; torch shares them on CUDA only."
    )
    return network
