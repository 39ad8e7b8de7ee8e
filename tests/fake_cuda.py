"""A CUDA device where there is none: tensors without data, and errors for what would make the host wait for it.

    with fake_cuda():
        network = on_cuda(build())      # set-up, where waiting costs nothing
        with no_waiting():
            step()                      # raises where devices are mixed or the host would wait

torch's FakeTensorMode itself raises FakeTensorDeviceMismatchError for operands on two devices,
DataDependentOutputException for a value that is read (item, float, bool, tolist, if, equal) and
DynamicOutputShapeException for a shape that depends on values (nonzero, x[mask], unique). It lets copies between
devices and indices on the CPU pass, so that `no_waiting` looks for these. There is no backward pass: autograd asks
for a real device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from optim import noise


class HostWaits(AssertionError):
    """The host would wait for the device, or the device for the host's memory."""


WAITS = (HostWaits, DataDependentOutputException, DynamicOutputShapeException)
COPIES = {"_to_copy", "copy_", "_foreach_copy_"}


def _tensors(args: Any) -> Iterator[torch.Tensor]:
    for x in args:
        if isinstance(x, torch.Tensor):
            yield x
        elif isinstance(x, list | tuple):
            yield from _tensors(x)


class NoWaiting(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is torch.ops.prim.device.default:
            return result
        name = func._schema.name.removeprefix("aten::")
        if name in COPIES:
            source, target = (args[0], result) if name == "_to_copy" else (args[1], args[0])
            for x, y in zip(tree_leaves(source), tree_leaves(target), strict=True):
                self.check_copy(name, x, y, kwargs.get("non_blocking") or True in args[2:])
        elif len(given := {x.device.type for x in _tensors(args) if x.ndim}) > 1:
            raise HostWaits(f"{name}: operands on {' and '.join(sorted(given))}")  # 0-dim ones are passed as numbers
        return result

    def check_copy(self, name: str, source: Any, target: torch.Tensor, non_blocking: bool) -> None:
        of, to = (source.device.type if isinstance(source, torch.Tensor) else "cpu"), target.device.type
        if of != to and (to == "cpu" or not non_blocking):
            raise HostWaits(f"{name}: a copy of shape {tuple(target.shape)} from {of} to {to}")


no_waiting = NoWaiting


@contextmanager
def fake_cuda() -> Iterator[None]:
    """Inside, tensors have no data and may be on "cuda"; noise for that device is drawn by a generator of the CPU."""
    own, noise._own = noise._own, local()  # the generators of each device, of which CUDA's asks for a real one
    setattr(noise._own, "cuda:0", torch.Generator())
    try:
        with FakeTensorMode():
            yield
    finally:
        noise._own = own


def on_cuda(network: nn.Module) -> nn.Module:
    """network.to("cuda") for a network that was built inside `fake_cuda`, where torch's own fails."""
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, x in tensors.items():
                if x is not None:
                    moved = torch.empty(x.shape, dtype=x.dtype, device="cuda")
                    tensors[name] = nn.Parameter(moved) if isinstance(x, nn.Parameter) else moved
    return network
