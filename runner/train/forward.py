"""The forward pass under `amp` and `channels_last`, in training and evaluation alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from runner.config.schema import Settings

Network = Callable[[Tensor], Any]  # returns a Tensor; in training also (output, penalty)


def forward(network: Network, x: Tensor, settings: Settings) -> Tensor:
    """The network's output, in float32 under amp=bf16 too. x: images (n, channels, height, width), features, tokens."""
    return forward_with_penalty(network, x, settings)[0]


def forward_with_penalty(network: Network, x: Tensor, settings: Settings) -> tuple[Tensor, Tensor | None]:
    """The output, and what a network in training adds to the loss that is differentiated: 0-dim, a mean as losses are.

    None: it adds nothing.
    """
    x = to_memory_format(x, settings)
    if settings.amp == "none":
        return with_penalty(network(x))
    with torch.autocast(x.device.type, torch.bfloat16):
        output, penalty = with_penalty(network(x))
    return output.float(), penalty


def with_penalty(returned: Any) -> tuple[Tensor, Tensor | None]:
    return returned if isinstance(returned, tuple) else (returned, None)


@contextmanager
def state_from_zero(network: nn.Module) -> Iterator[None]:
    """Inside, a network that carries a state from batch to batch begins with none; then it has again the one before."""
    if not hasattr(network, "reset_state"):
        yield
        return
    carried = network.get_extra_state()
    network.reset_state()  # type: ignore[operator]
    try:
        yield
    finally:
        network.set_extra_state(carried)


def to_memory_format(x: Tensor, settings: Settings) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if settings.channels_last and x.dim() == 4 else x
