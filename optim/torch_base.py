"""torch.optim.Optimizer, which imports torch's compiler only where something else has done so."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch


class TorchOptimizer(torch.optim.Optimizer):
    """torch.optim.Optimizer whose first call does not import torch._dynamo.

    torch keeps these methods out of compiled programs by a decorator that imports the compiler when they are first
    called: a third of the time in which a run starts. Where nothing has imported it nothing is being compiled.
    """

    def state_dict(self) -> dict[str, Any]:
        return _method("state_dict")(self)

    def zero_grad(self, set_to_none: bool = True) -> None:
        _method("zero_grad")(self, set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _method("add_param_group")(self, param_group)


def _method(name: str) -> Callable[..., Any]:
    decorated = getattr(torch.optim.Optimizer, name)
    return decorated if "torch._dynamo" in sys.modules else inspect.unwrap(decorated)
