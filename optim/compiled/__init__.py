"""The compile backend: the update of all parameters as one program by torch.compile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import BACKENDS, collect_updates
from . import dynamo

if TYPE_CHECKING:
    from ..optimizer import ComposedOptimizer


def compiled(optimizer: ComposedOptimizer, loss: Any) -> None:
    if updates := list(collect_updates(optimizer, loss)):
        dynamo.step(optimizer, updates, loss)


BACKENDS["compile"] = compiled
