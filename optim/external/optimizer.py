"""What the training loop asks of an optimizer, for a torch.optim.Optimizer from elsewhere."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .config import ExternalConfig

UNSAVED = "unsaved"  # key of a state_dict in place of one that can't be saved: why


class ExternalOptimizer:
    """An instance of the configuration's class with the interface of ComposedOptimizer that training uses.

    uses_loss: its step takes `loss=`. needs_closure: its step can't do without a closure. has_evaluation_weights: it
    has train() and eval(), as the optimizers of schedulefree.
    params: tensors or groups. Raises ValueError where the class refuses them.
    """

    def __init__(self, params: Iterable[Any], config: ExternalConfig) -> None:
        self.config = config
        self.evaluates = False
        self.unsaved = ""  # why its state is left out of checkpoints
        self.optimizer: Any = constructed(config, list(params))
        self.uses_loss, self.needs_closure = step_needs(self.optimizer)
        self.shapes = [p.shape for group in self.param_groups for p in group["params"]]  # until the first step
        self.has_evaluation_weights = has_modes(self.optimizer)
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
        given = {"loss": loss} if self.uses_loss else {}
        try:
            result = (
                self.optimizer.step(closure=closure, **given) if self.needs_closure else self.optimizer.step(**given)
            )
        except SystemExit as error:
            raise RuntimeError(f"optim={self.config.name}: {one_line(error)}") from error
        except RuntimeError as error:
            if not re.search("grad_fn|create_graph", str(error)):
                raise
            raise ValueError(f"optim={self.config.name} needs second derivatives, which are not computed") from error
        if self.shapes:
            self.check_shapes()
        return result

    def check_shapes(self) -> None:
        """Raise ValueError if the first step has changed the shape of a parameter."""
        params = [p for group in self.param_groups for p in group["params"]]
        for p, shape in zip(params, self.shapes, strict=True):
            if p.shape != shape:
                change = f"a parameter of shape {tuple(shape)} the shape {tuple(p.shape)}"
                raise ValueError(f"optim={self.config.name}: its step gave {change}")
        self.shapes.clear()

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, the weights are those that the optimizer's eval() puts there.

        train() brings the others back up to rounding, so copies of them are kept: an evaluation changes no training.
        """
        if not self.has_evaluation_weights or self.evaluates:
            yield
            return
        params = [p for group in self.param_groups for p in group["params"]]
        kept = [p.detach().clone() for p in params]
        self.evaluates = True
        self.optimizer.eval()
        try:
            yield
        finally:
            self.evaluates = False
            self.optimizer.train()
            with torch.no_grad():
                for p, value in zip(params, kept, strict=True):
                    p.copy_(value)

    def set_momentum(self, m: float, warm: bool = True) -> None:
        raise ValueError(f"{self.config.name}: has no momentum to set")

    def step_metrics(self, old: list[Tensor]) -> dict[str, Tensor]:
        return {}

    def end_epoch(self, losses: Sequence[float]) -> bool:
        return False

    def register_step_post_hook(self, hook: Callable[..., None]) -> Any:
        return self.optimizer.register_step_post_hook(hook)

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's. One that can't be saved is left out, so that the run's weights still can be."""
        try:
            return {UNSAVED: self.unsaved} if self.unsaved else self.optimizer.state_dict()
        except Exception as error:  # of any kind: the class's own
            return {UNSAVED: one_line(error)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if UNSAVED in state_dict:
            raise ValueError(f"optim={self.config.name} can't save its state: {state_dict[UNSAVED]}")
        self.optimizer.load_state_dict(state_dict)


def constructed(config: ExternalConfig, params: list[Any]) -> Any:
    """The class's optimizer of these parameters. Raises ValueError where it refuses them."""
    try:
        return config.optimizer_class(params, **config.arguments())
    except Exception as error:  # of any kind: the class's own
        hint = (
            "; it takes matrices only; with groups=muon AdamW gets the others"
            if takes_matrices_only(config, params)
            else ""
        )
        raise ValueError(f"optim={config.name} refuses this network: {one_line(error)}{hint}") from error


def has_modes(optimizer: Any) -> bool:
    """Whether it has train() and eval(), which put the weights to train and to evaluate with into the parameters."""
    return all(callable(getattr(optimizer, name, None)) for name in ("train", "eval"))


def step_needs(optimizer: Any) -> tuple[bool, bool]:
    """Whether the optimizer's step takes `loss=`, and whether it can't do without a closure: by its signature."""
    step = inspect.signature(optimizer.step).parameters
    return "loss" in step, "closure" in step and step["closure"].default is inspect.Parameter.empty


def takes_matrices_only(config: ExternalConfig, params: list[Any]) -> bool:
    if any(isinstance(each, dict) for each in params):
        return False  # it may refuse the groups
    matrices = [p for p in params if p.ndim == 2]
    try:
        return 0 < len(matrices) < len(params) and bool(config.optimizer_class(matrices, **config.arguments()))
    except Exception:  # of any kind: the class's own
        return False


def one_line(error: BaseException) -> str:
    """`KeyError: 'exp_avg'`: the error's class and the first line of its message."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['(no message)'])[0]}"
