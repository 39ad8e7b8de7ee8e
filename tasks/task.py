"""Base class of the tasks: a loss, a metric, and the data of a run's pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from data.dataset import DataSet
from data.mixing import Mixing
from data.samples import Samples
from models.model import Model
from results.images import ImageGrid
from results.trajectory import Trajectory

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Task:
    """Base of all tasks. `objective` is the value of `task.objective`; `name` names the results' folder."""

    objective: ClassVar[str]
    metric: ClassVar[str]  # the key in metrics.jsonl
    better: ClassVar[Literal["max", "min"]]

    name: str = ""

    def check(self, data: DataSet, model: Model) -> None:
        """Raise ValueError if `data` or `model` does not fit this task."""
        raise NotImplementedError

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Mean over the batch's samples, 0-dim. x: the network's input, (n, channels, height, width),
        or tokens of text (n, length)."""
        raise NotImplementedError

    def training_loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The loss of a training step, where it is another one than that of evaluation. y: as `mixing` makes it."""
        return self.loss(output, x, y)

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Sum of the metric over the batch's samples, 0-dim."""
        raise NotImplementedError

    def lr_factor(self, x: Tensor, shape: tuple[int, ...]) -> float:
        """What multiplies the learning rate of the step on x. shape: of the data's samples, before they are cut."""
        return 1.0

    def values_of_loss(self, loss: float) -> dict[str, float]:
        """Values of a row that are functions of its mean loss, by their keys; a metric among them is not the mean of
        `metric_sum`. Infinity where they overflow."""
        return {}

    def batch_weight(self, samples: int, y: Tensor) -> int:
        """The weight of a batch's mean loss in a mean over batches: how many samples, or parts of them, it is a mean
        of. y: of the batch, or of one process's shard of it."""
        return samples

    def mixing(self, classes: int) -> Mixing | None:
        """How the samples of training batches are mixed; None: they are not. classes: of the data."""
        return None

    def is_better(self, value: float, than: float) -> bool:
        return value > than if self.better == "max" else value < than

    def observe(self, model: nn.Module) -> dict[str, Tensor]:
        """Further values of a training step, 0-dim tensors by their key in metrics.jsonl; called once a row."""
        return {}

    def images(self, model: nn.Module, samples: Samples) -> ImageGrid | None:
        """Images for reconstructions.png; `model` holds the weights that were tested. None: there are none."""
        return None

    def written_text(self, model: nn.Module, samples: Samples, data: DataSet, seed: int) -> str | None:
        """Text for sample.txt, the same for one seed; `model` holds the weights that were tested. None: no text."""
        return None

    def trajectory(self, model: nn.Module, rows: list[dict[str, Any]]) -> Trajectory | None:
        """The data of trajectory.png, also of a diverged run. rows: per step, of metrics.jsonl. None: there is none."""
        return None
