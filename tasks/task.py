"""What every task offers: a loss to descend, a metric to report, and which value of the metric is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from data.samples import Samples
from models.model import Model

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Task:
    """Base of all tasks. `objective` is the value of `task.objective`; `name` names the results' folder."""

    objective: ClassVar[str]
    metric: ClassVar[str]  # the key in metrics.jsonl
    better: ClassVar[Literal["max", "min"]]

    name: str = ""

    def check(self, data: DataSet, model: Model) -> None:
        """Raise ValueError if this task can't be learnt from `data` by `model`."""
        raise NotImplementedError

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Mean over the batch's samples, 0-dim. x: the network's input, (n, channels, height, width)."""
        raise NotImplementedError

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Sum of the metric over the batch's samples, 0-dim."""
        raise NotImplementedError

    def is_better(self, value: float, than: float) -> bool:
        return value > than if self.better == "max" else value < than

    def observe(self, model: nn.Module) -> dict[str, Tensor]:
        """What else to record of a training step, 0-dim tensors by their key in metrics.jsonl; read once a row."""
        return {}

    def show(self, model: nn.Module, samples: Samples, folder: Path) -> None:
        """Save what is worth looking at besides the curves; `model` holds the weights that were tested."""

    def trace(self, model: nn.Module, folder: Path) -> None:
        """Save what there is to see of the way that training took, also where it diverged."""
