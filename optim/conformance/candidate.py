"""The candidate of a conformance report: an optimizer's configuration, and how its optimizers are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import build
from ..config import OptimizerConfig
from ..transform import GlobalTransform, Wrapper

SHAPES = ((), (5,), (4, 3), (2, 3, 2, 2))
BACKENDS = ("loop", "foreach")  # what every check that depends on the backend is run with


class NotApplicable(Exception):
    """The check does not concern this optimizer; the message is the reason."""


@dataclass
class Candidate:
    """What the checks build and train: a configuration, with wrappers around it.

    is_own: whether it is made of this package's transforms. directions: values of `maximize` that it has.
    """

    is_own: ClassVar[bool] = True
    backends: ClassVar[tuple[str, ...]] = BACKENDS
    directions: ClassVar[tuple[bool, ...]] = (False, True)

    config: OptimizerConfig
    wrap: Sequence[Wrapper] = ()
    options: dict[str, Any] = field(default_factory=dict)  # of every optimizer built: backend, seed

    def __post_init__(self) -> None:
        pipeline = self.build(parameters()).pipeline
        self.uses_loss = pipeline.uses_loss
        self.is_global = any(isinstance(bound.transform, GlobalTransform) for bound in pipeline.bound_transforms)
        self.defaults = pipeline.defaults

    def parameters(
        self, dtype: torch.dtype = torch.float64, shapes: Iterable[tuple[int, ...]] | None = None, seed: int = 0
    ) -> list[torch.nn.Parameter]:
        """Parameters to train. Raises NotApplicable for shapes that the optimizer is not made for."""
        return parameters(dtype, SHAPES if shapes is None else shapes, seed)

    def build(self, params: Iterable[Any], **options: Any) -> Any:
        return build(self.config, params, self.wrap, **{**self.options, **options})

    def step(self, optimizer: Any, loss: Tensor) -> Any:
        """One step; only a method that reads the loss is given it."""
        return optimizer.step(loss=loss) if self.uses_loss else optimizer.step()

    def checking(self) -> AbstractContextManager[object]:
        """Around every check."""
        return nullcontext()

    def shapes_like(self, shapes: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Shapes of a network's parameters as far as the optimizer takes them."""
        return list(shapes)

    def evaluation_weights(self, optimizer: Any) -> AbstractContextManager[None]:
        return optimizer.evaluation_weights()

    def train(
        self, optimizer: Any, params: Sequence[Tensor], steps: int, start: int = 0, after: Callable[[], Any] = int
    ) -> list[Tensor]:
        """Take steps, each on fresh gradients and followed by `after()`; returns copies of the weights."""
        for n in range(start, start + steps):
            self.step(optimizer, set_gradients(params, n))
            after()
        return copies(params)


def parameters(
    dtype: torch.dtype = torch.float64, shapes: Iterable[tuple[int, ...]] = SHAPES, seed: int = 0
) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype)) for s in shapes]


def set_gradients(params: Iterable[Tensor], step: int) -> Tensor:
    """Set the gradients of a positive, non-convex function that changes with the step; returns its value.

    They are bounded wherever the learning rate takes the weights, so that no optimizer diverges.
    """
    loss = torch.zeros((), dtype=torch.float64)
    for i, p in enumerate(params):
        x = p.detach()
        p.grad = torch.sin(3 * x + i) + torch.tanh(x - 1) + 0.3 * torch.cos(x + step)
        z = x.double()
        log_cosh = torch.nn.functional.softplus(2 * (z - 1)) - (z - 1)  # plus log 2
        loss += (1 - torch.cos(3 * z + i) / 3 + log_cosh + 0.3 * torch.sin(z + step)).sum()
    return loss


def copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [x.detach().clone() for x in tensors]


def tensors_of(optimizer: Any) -> list[Tensor]:
    """Every tensor of the state, parameter by parameter, name by name."""
    states = [optimizer.state[p] for group in optimizer.param_groups for p in group["params"] if p in optimizer.state]
    return [s[name] for s in states for name in sorted(s) if isinstance(s[name], Tensor)]
