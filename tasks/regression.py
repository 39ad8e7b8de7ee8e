"""Predict numbers by squared error, and signs by the logistic loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from models.model import OUTPUT_DESCRIPTIONS, Model
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Regression(Task):
    """Loss: squared error, mean over samples and a target's numbers, without a half. Metric `mse`: the same."""

    objective: ClassVar[str] = "regression"
    metric: ClassVar[str] = "mse"
    better: ClassVar[Literal["max", "min"]] = "min"

    def check(self, data: DataSet, model: Model) -> None:
        if data.has_classes:
            raise ValueError(f"task={self.name} predicts numbers; data={data.name} has classes")
        check_outputs(self, model)

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (output - y.reshape(output.shape)).square().mean()

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (output - y.reshape(output.shape)).square().flatten(1).mean(1).sum()


@dataclass(frozen=True, kw_only=True)
class Logistic(Task):
    """Loss: log(1 + exp(-y f(x))), mean over samples, for targets y of -1 and +1. Metric `acc`: the fraction of samples
    whose output has their sign; 0 counts as +1.
    """

    objective: ClassVar[str] = "logistic"
    metric: ClassVar[str] = "acc"
    better: ClassVar[Literal["max", "min"]] = "max"

    def check(self, data: DataSet, model: Model) -> None:
        if not data.has_signs:
            raise ValueError(
                f"task={self.name} needs targets of -1 and +1, such as those of data=synthetic_signs and data=libsvm "
                f"with data.target=sign; data={data.name} has others"
            )
        check_outputs(self, model)

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(-y.reshape(output.shape) * output).mean()

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((output >= 0) == (y.reshape(output.shape) > 0)).sum()


def check_outputs(task: Task, model: Model) -> None:
    if model.output != "scores":
        does = OUTPUT_DESCRIPTIONS[model.output]
        raise ValueError(f"task={task.name} needs a model with a number for each target; model={model.name} {does}")
