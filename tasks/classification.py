"""Classification: cross-entropy and accuracy; label smoothing, mixup and CutMix in training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from data.mixing import Mixing
from models.model import OUTPUT_DESCRIPTIONS, Model
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Classification(Task):
    """Loss: cross-entropy in nats, mean over samples. Metric `acc`: fraction of samples whose top score is right.

    In training only, each off by default:
    label_smoothing: e in [0, 1). The target is 1 - e for the right class, plus e / K for each of the K classes, as in
    torch's cross_entropy (Szegedy et al., CVPR 2016, section 7).
    mixup, cutmix: alpha in [0, inf) of the Beta distribution of the shares (data/mixing.py). A mixed sample whose top
    score is one of its two classes counts in `acc` with that class's share, as in the code of mixup's authors.
    """

    objective: ClassVar[str] = "classification"
    metric: ClassVar[str] = "acc"
    better: ClassVar[Literal["max", "min"]] = "max"

    label_smoothing: float = field(default=0.0, metadata={"range": "[0, 1)"})
    mixup: float = field(default=0.0, metadata={"range": "[0, inf)"})
    cutmix: float = field(default=0.0, metadata={"range": "[0, inf)"})

    def check(self, data: DataSet, model: Model) -> None:
        if model.output != "scores":
            does = OUTPUT_DESCRIPTIONS[model.output]
            raise ValueError(f"task={self.name} needs a model that scores classes; model={model.name} {does}")
        if not data.has_classes:
            raise ValueError(f"task={self.name} needs data with classes; data={data.name} has none")
        for key in ("mixup", "cutmix"):
            if getattr(self, key) and not (data.shuffle and data.reshuffle):
                fixed = "data.reshuffle=false" if data.shuffle else "data.shuffle=false"
                raise ValueError(
                    f"task.{key}={getattr(self, key)} mixes each sample with the one before it, always the same one "
                    f"with {fixed}; leave one of the two out"
                )
        if self.cutmix and len(data.shape) < 3:
            raise ValueError(f"task.cutmix={self.cutmix} needs images; the samples of data={data.name} are none")

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(output, y)

    def training_loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if not self.label_smoothing:
            return self.loss(output, x, y)
        from torch.nn.functional import cross_entropy

        return cross_entropy(output, y, label_smoothing=self.label_smoothing)

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if y.is_floating_point():  # probabilities of the classes of mixed samples
            return y.gather(1, output.argmax(1, keepdim=True)).sum()
        return (output.argmax(1) == y).sum()

    def mixing(self, classes: int) -> Mixing | None:
        return Mixing(self.mixup, self.cutmix, classes) if self.mixup or self.cutmix else None
