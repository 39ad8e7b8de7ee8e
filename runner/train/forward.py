"""The forward pass under `amp` and `channels_last`, in training and evaluation alike."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from runner.config.schema import Settings

Network = Callable[[Tensor], Tensor]


def forward(network: Network, x: Tensor, settings: Settings) -> Tensor:
    """The network's output, in float32 under amp=bf16 too. x: images (n, channels, height, width) or features."""
    x = to_memory_format(x, settings)
    if settings.amp == "none":
        return network(x)
    with torch.autocast(x.device.type, torch.bfloat16):
        output = network(x)
    return output.float()


def to_memory_format(x: Tensor, settings: Settings) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if settings.channels_last and x.dim() == 4 else x
