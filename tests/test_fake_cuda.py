"""Each check of fake_cuda can fail: deliberate mistakes, one of each kind, and what is allowed."""

from __future__ import annotations

import pytest
import torch
from fake_cuda import WAITS, fake_cuda, no_waiting
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError

READS = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x.sum()),
    "if": lambda x: 1 if (x > 0).all() else 0,
    "tolist": lambda x: x.tolist(),
    "equal": lambda x: torch.equal(x, x),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "cpu": lambda x: x.cpu(),
    "cpu, non_blocking": lambda x: x.to("cpu", non_blocking=True),
    "to the device": lambda x: torch.ones(3).to(x.device),
    "tensor on the device": lambda x: torch.tensor(2.0, device=x.device),
    "new_tensor": lambda x: x.new_tensor([1.0, 2.0, 3.0]),
    "copy_": lambda x: x.copy_(torch.ones(3)),
    "copy_ from the device": lambda x: torch.ones(3).copy_(x),
    "_foreach_copy_": lambda x: torch._foreach_copy_([x], [torch.ones(3)]),
    "index of the CPU": lambda x: x[torch.tensor([0, 1])],
    "list as an index": lambda x: x[[0, 1]],
}
MIXED = {
    "add": lambda x: x + torch.ones(3),
    "foreach": lambda x: torch._foreach_add([x], [torch.ones(3)]),
    "index_select": lambda x: x.index_select(0, torch.tensor([0])),
    "stack": lambda x: torch.stack([x, torch.ones(3)]),
}
ALLOWED = {
    "arithmetic": lambda x: x.mul(2).add_(x, alpha=0.5).sum(),
    "a number of the CPU": lambda x: x * torch.tensor(2.0),
    "non_blocking": lambda x: torch.ones(3).to(x.device, non_blocking=True),
    "made there": lambda x: x.new_zeros(()) + torch.full((), 2.0, device=x.device),
    "reading on the CPU": lambda x: torch.tensor(3.0).item(),
}


@pytest.mark.parametrize("name", READS)
def test_waiting_is_an_error(name):
    with fake_cuda(), pytest.raises(WAITS):
        x = torch.ones(3, device="cuda")
        with no_waiting():
            READS[name](x)


@pytest.mark.parametrize("name", MIXED)
def test_mixed_devices_are_an_error(name):
    with fake_cuda(), pytest.raises(FakeTensorDeviceMismatchError):
        x = torch.ones(3, device="cuda")
        with no_waiting():
            MIXED[name](x)


def test_what_does_not_wait_is_allowed():
    with fake_cuda():
        x = torch.ones(3, device="cuda")
        with no_waiting():
            for use in ALLOWED.values():
                use(x)
