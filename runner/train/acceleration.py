"""`compile=true` and `cuda_graphs=true`: the network compiled, or recorded as CUDA graphs, for passes of one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from runner.config.schema import Settings
from runner.train.forward import Network, to_memory_format

Compiler = Callable[[nn.Module], Network]


def compile_network(network: nn.Module) -> Network:
    return torch.compile(network, dynamic=False)


def accelerated(network: nn.Module, x: Tensor, settings: Settings, compiler: Compiler = compile_network) -> Network:
    """The network for inputs of x's shape, compiled or recorded as the settings say. Raises what torch raises."""
    fast = compiler(network) if settings.compile else network
    return record_cuda_graphs(fast, x, settings) if settings.cuda_graphs else fast


def record_cuda_graphs(network: Network, x: Tensor, settings: Settings) -> Network:
    """The network's forward and backward pass on inputs of x's shape as CUDA graphs."""
    example = to_memory_format(x, settings) if settings.channels_last else x.clone()
    # Graphs must not reuse the cast weights that autocast would cache from one pass to the next.
    with torch.autocast(x.device.type, torch.bfloat16, enabled=settings.amp == "bf16", cache_enabled=False):
        return torch.cuda.make_graphed_callables(NetworkWrapper(network), (example,))  # type: ignore[return-value]


class NetworkWrapper(nn.Module):
    """A module around a network: recording replaces the forward of this module and not the network's."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


@contextmanager
def state_restored(network: nn.Module, parameters: Sequence[Tensor]) -> Iterator[None]:
    """Restore what a trial pass inside changes: gradients, buffers (batch norm's statistics), random generators."""
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    gradients = [None if p.grad is None else p.grad.clone() for p in parameters]
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        for buffer, value in buffers:
            buffer.copy_(value)
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient
        torch.set_rng_state(cpu)
        torch.cuda.set_rng_state_all(cuda)
