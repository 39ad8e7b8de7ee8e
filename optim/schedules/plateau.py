"""The one schedule that depends on results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..ranges import ranged
from .schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """lr_decay once the watched loss has gone more than `patience` epochs without improving by `threshold`.

    torch's ReduceLROnPlateau with mode "min", threshold_mode "rel" and no cooldown. `LRScheduler` keeps its state.
    Deviation: of a best loss below zero, which torch never sees fail to improve, the threshold is a part of its size.
    """

    name: ClassVar[str] = "plateau"

    lr_decay: float = ranged(0.1, "(0, 1)")
    patience: int = ranged(10, "[0, inf)")
    threshold: float = ranged(1e-4, "[0, 1)")
    min_factor: float = ranged(0.0, "[0, 1]")
    watch: Literal["val", "train"] = "val"  # neural-net-optimization watches the training loss

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return 1.0
