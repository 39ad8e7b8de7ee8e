"""What the training loop asks of an optimizer, for a torch.optim.Optimizer from elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from .config import ExternalConfig


class ExternalOptimizer:
    """An instance of the configuration's class with the interface of ComposedOptimizer that training uses.

    uses_loss: its step takes `loss=`. needs_closure: its step can't do without a closure.
    """

    def __init__(self, params: Iterable[Any], config: ExternalConfig) -> None:
        self.config = config
        self.optimizer: Any = config.optimizer_class(list(params), **config.arguments())
        step = inspect.signature(self.optimizer.step).parameters
        self.uses_loss = "loss" in step
        self.needs_closure = "closure" in step and step["closure"].default is inspect.Parameter.empty
        self.has_evaluation_weights = all(callable(getattr(self.optimizer, name, None)) for name in ("train", "eval"))
        if self.has_evaluation_weights:
            self.optimizer.train()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:
        return self.optimizer.state

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """closure: for a method that needs one, recomputes gradients and returns the loss."""
        if self.needs_closure:
            return self.optimizer.step(closure)
        return self.optimizer.step(loss=loss) if self.uses_loss else self.optimizer.step()

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, the weights are those that the optimizer's eval() puts there; train() puts the others back."""
        if not self.has_evaluation_weights:
            yield
            return
        self.optimizer.eval()
        try:
            yield
        finally:
            self.optimizer.train()

    def set_momentum(self, m: float, warm: bool = True) -> None:
        raise ValueError(f"{self.config.name}: has no momentum to set")

    def step_metrics(self, old: list[Tensor]) -> dict[str, Tensor]:
        return {}

    def register_step_post_hook(self, hook: Callable[..., None]) -> Any:
        return self.optimizer.register_step_post_hook(hook)

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state_dict)
