"""Several optimizers, each with its own parameters of one network, stepped as one.

CombinedOptimizer({"default": Momentum(matrices, lr=0.02), "adamw": AdamW(others, lr=0.001)})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from ..backends import check_step
from ..config import OptimizerConfig
from ..interface import TrainingOptimizer
from ..optimizer import ComposedOptimizer
from .rule import DEFAULT


class CombinedOptimizer:
    """One optimizer made of several, by name, with the interface that a training loop uses.

    param_groups are those of all parts, in their order; torch's schedulers are made for each of `parts.values()`. A
    part sees its own parameters only: a method that sums over all of them (Momo, MomoAdam) sums over its part.
    Raises ValueError where two parts share a parameter, and for a part that needs a closure: it would evaluate the loss
    anew while the other parts have taken their step.
    """

    needs_closure = False

    def __init__(self, parts: Mapping[str, TrainingOptimizer]) -> None:
        self.parts = dict(parts)
        params = [p for group in self.param_groups for p in group["params"]]
        if len(set(params)) < len(params):
            raise ValueError("two of the combined optimizers have a parameter in common")
        if needing := [name for name, part in self.parts.items() if part.needs_closure]:
            config: OptimizerConfig | None = getattr(self.parts[needing[0]], "config", None)
            name = config.name if config else needing[0]
            raise ValueError(f"{name}: needs a closure, and can't take its steps beside another optimizer")

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts.values() for group in part.param_groups]

    @property
    def uses_loss(self) -> bool:
        return any(part.uses_loss for part in self.parts.values())

    @property
    def has_evaluation_weights(self) -> bool:
        return any(part.has_evaluation_weights for part in self.parts.values())

    def zero_grad(self) -> None:
        for part in self.parts.values():
            part.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """Take one step of every part and return the loss; the arguments are those of ComposedOptimizer.step.

        Raises ValueError, before any part's step, for a loss that is missing or a sparse gradient.
        """
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for name, part in self.parts.items():
            if part.uses_loss and loss is None:
                raise ValueError(f"{name}: needs the loss: step(loss=loss) or step(closure)")
            if isinstance(part, ComposedOptimizer):
                check_step(part)
        for part in self.parts.values():
            part.step(loss=loss)
        return loss

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, each part's parameters are its evaluation weights; the training weights come back."""
        with ExitStack() as stack:
            for part in self.parts.values():
                stack.enter_context(part.evaluation_weights())
            yield

    def set_momentum(self, m: float, warm: bool = True) -> None:
        """Set the momentum of every part; ValueError, and nothing changed, where one has none or m is out of range."""
        for name, part in self.parts.items():
            config = getattr(part, "config", None)
            for group in part.param_groups:
                if config is None or not config.momentum_key:
                    raise ValueError(f"{name}: has no momentum to set")
                config.with_momentum(m, group)
        for part in self.parts.values():
            part.set_momentum(m, warm)

    def step_metrics(self, old: list[Tensor]) -> dict[str, Tensor]:
        """Those of each part; of all but the default one under its name. old: in the order of param_groups."""
        found, at = {}, 0
        for name, part in self.parts.items():
            size = sum(len(group["params"]) for group in part.param_groups)
            prefix = "" if name == DEFAULT else f"{name}/"
            found |= {f"{prefix}{key}": x for key, x in part.step_metrics(old[at : at + size]).items()}
            at += size
        return found

    def end_epoch(self, losses: Sequence[float]) -> bool:
        """Tell every part the validation losses; return whether a mean of the weights begins in one of them."""
        return any([part.end_epoch(losses) for part in self.parts.values()])

    def register_step_post_hook(self, hook: Any) -> Any:
        """Call the hook once all parts have taken their step."""
        return list(self.parts.values())[-1].register_step_post_hook(hook)

    def state_dict(self) -> dict[str, Any]:
        """{"parts": each part's, by its name}."""
        return {"parts": {name: part.state_dict() for name, part in self.parts.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what state_dict() gave. Raises ValueError if it is of other parts."""
        saved = state_dict.get("parts")
        if not isinstance(saved, Mapping) or list(saved) != list(self.parts):
            have = list(saved) if isinstance(saved, Mapping) else "one optimizer"
            raise ValueError(f"state_dict is of {have}, not of the optimizers {', '.join(self.parts)}")
        for name, part in self.parts.items():
            part.load_state_dict(saved[name])
