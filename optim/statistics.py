"""Running statistics that belong to the evaluation weights: batch norm's means and variances, estimated anew.

    with optimizer.evaluation_weights(), evaluation_statistics(model, batches):
        ...                                                 evaluate, or save model.state_dict()

The running statistics that training has collected are those of the training weights, and wrong for any others: for the
mean of an EMA, for Lookahead's slow weights. Stochastic weight averaging (Izmailov et al., UAI 2018) estimates them by
a pass over training batches, and so does this file. Wu and Johnson ("Rethinking Batch in BatchNorm", arXiv 2105.07576,
2021) do it for any weights, with a bounded number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


@contextmanager
def evaluation_statistics(model: nn.Module, batches: Iterable[Any]) -> Iterator[None]:
    """Inside, the model's running statistics are those of its present weights, as `update_statistics` estimates them.

    The buffers that training goes on from come back to the last bit, whatever happens.
    """
    with buffers_restored(model):
        update_statistics(model, batches)
        yield


@torch.no_grad()
def update_statistics(
    model: nn.Module,
    batches: Iterable[Any],
    forward: Callable[[Any], object] | None = None,
    buffers: Iterable[Tensor] | None = None,
) -> None:
    """Estimate the model's running statistics at its present weights, as the means of those of `batches`.

    batches: inputs like those of training, in size too; of a tuple or list the first item. forward: called with each,
    instead of the model. buffers: what it updates, if not the model's own. The model is in training mode meanwhile, so
    that any other layer updates its buffers by its own rule (spectral norm, a layer of the user's); dropout drops, but
    leaves torch's generators as they were. A model without buffers is left alone, and one whose first batch changes
    none sees no other.
    Source: torch.optim.swa_utils.update_bn, of Izmailov et al., UAI 2018. Deviation: instance norm with running
    statistics is averaged too, and each module gets back its own training or evaluation mode.
    """
    updated = list(model.buffers() if buffers is None else buffers)
    if not updated:
        return
    before = [buffer.clone() for buffer in updated]
    with training_mode(model), generators_restored(model), averaging_layers(model) as layers:
        for i, batch in enumerate(batches):
            for layer in layers:
                if i == 0:
                    layer.reset_running_stats()  # else a nan would stay
                layer.momentum = 1 / (i + 1)  # instance norm knows no momentum=None, torch's cumulative mean
            (forward or model)(batch[0] if isinstance(batch, tuple | list) else batch)
            if i == 0 and all(map(torch.equal, before, model.buffers() if buffers is None else updated)):
                return


@contextmanager
def buffers_restored(model: nn.Module) -> Iterator[None]:
    """Give the model its buffers back, the same tensors with the same values, also where a layer has replaced one."""
    kept = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        for module, name, buffer, value in kept:
            buffer.copy_(value)
            setattr(module, name, buffer)


@contextmanager
def averaging_layers(model: nn.Module) -> Iterator[list[_NormBase]]:
    """The layers that mix each batch's statistics into their running ones by `momentum`, which is restored."""
    layers = [module for module in model.modules() if isinstance(module, _NormBase) and module.track_running_stats]
    momenta = [layer.momentum for layer in layers]
    try:
        yield layers
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


@contextmanager
def training_mode(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.train()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def generators_restored(model: nn.Module) -> Iterator[None]:
    devices = {tensor.device for tensor in (*model.parameters(), *model.buffers()) if tensor.is_cuda}
    with torch.random.fork_rng(list(devices)):
        yield
