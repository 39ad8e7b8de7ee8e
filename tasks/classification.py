"""Classification: cross-entropy and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from models.model import OUTPUT_DESCRIPTIONS, Model
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Classification(Task):
    """Loss: cross-entropy in nats, mean over samples. Metric `acc`: fraction of samples whose top score is right."""

    objective: ClassVar[str] = "classification"
    metric: ClassVar[str] = "acc"
    better: ClassVar[Literal["max", "min"]] = "max"

    def check(self, data: DataSet, model: Model) -> None:
        if model.output != "scores":
            does = OUTPUT_DESCRIPTIONS[model.output]
            raise ValueError(f"task={self.name} needs a model that scores classes; model={model.name} {does}")
        if not data.has_classes:
            raise ValueError(f"task={self.name} needs data with classes; data={data.name} has none")

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(output, y)

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (output.argmax(1) == y).sum()
