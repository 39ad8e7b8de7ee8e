"""A network that a class or a function makes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

#: arguments that the data set gives, and no configuration
OF_DATA: dict[str, Callable[[tuple[int, ...], int], Any]] = {
    "shape": lambda shape, classes: shape,
    "classes": lambda shape, classes: classes,
    "num_classes": lambda shape, classes: classes,
    "in_channels": lambda shape, classes: shape[0],
}


@dataclass(frozen=True, kw_only=True)
class CallableModel(Model):
    """Base of the configurations of such networks, with the other arguments as fields; runner/config/external.py makes
    them.
    """

    target: ClassVar[Callable[..., Any]]

    def arguments(self) -> dict[str, Any]:
        raise NotImplementedError

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Raises ValueError if samples do not go through the network, or it does not score the classes."""
        from torch import nn

        asked = signature(self.target).parameters
        of_data = {key: value(shape, classes) for key, value in OF_DATA.items() if key in asked}
        network = self.target(**of_data, **self.arguments())
        if not isinstance(network, nn.Module):
            raise ValueError(f"model={self.name} is a {type(network).__name__}, not a torch.nn.Module")
        self.try_out(network, shape, classes)
        if not any(p.requires_grad for p in network.parameters()):
            raise ValueError(f"model={self.name} has no parameters to train")
        return network

    def try_out(self, network: nn.Module, shape: tuple[int, ...], classes: int) -> None:
        """Pass two samples of zeros through the network, which also gives lazy layers their parameters."""
        import torch
        from torch.nn.parameter import is_lazy

        lazy = any(map(is_lazy, [*network.parameters(), *network.buffers()]))
        try:
            with torch.no_grad(), nullcontext() if lazy else torch.random.fork_rng([]):
                output = network.eval()(torch.zeros(2, *shape, dtype=torch.int64 if self.output == "tokens" else None))
        except Exception as error:  # of any kind: the user's code
            reason = (str(error).strip().splitlines() or [""])[0]
            problem = f"samples of shape {shape} do not go through model={self.name}"
            raise ValueError(f"{problem}: {type(error).__name__}: {reason}") from error
        network.train()
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        expected = {"scores": (2, classes), "tokens": (2, *shape, classes)}.get(self.output, found)
        if found != expected:
            raise ValueError(f"model={self.name} returns {found} for 2 samples of {classes} classes, not {expected}")
