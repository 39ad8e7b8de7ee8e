"""What a training loop asks of an optimizer; ComposedOptimizer and ExternalOptimizer have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import Tensor


class TrainingOptimizer(Protocol):
    param_groups: Any

    @property
    def uses_loss(self) -> bool:
        """Whether step() is to be given the batch's loss."""
        ...

    @property
    def needs_closure(self) -> bool:
        """Whether step() can't do without a closure that recomputes the gradients and returns the loss."""
        ...

    @property
    def has_evaluation_weights(self) -> bool:
        """Whether evaluation_weights() shows others than the training weights."""
        ...

    def zero_grad(self) -> None: ...

    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any: ...

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Inside, the parameters are the weights to evaluate with; the training weights come back."""
        ...

    def set_momentum(self, m: float, warm: bool = True) -> None: ...

    def step_metrics(self, old: list[Tensor]) -> dict[str, Tensor]:
        """What the step just taken tells beside the weights. old: the parameters before it."""
        ...

    def end_epoch(self, losses: Sequence[float]) -> bool:
        """Tell it the validation losses, one of each epoch so far; return whether a mean of the weights begins."""
        ...

    def register_step_post_hook(self, hook: Any) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...
