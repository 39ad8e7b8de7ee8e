"""Draw the input again through a narrow code: binary cross-entropy and squared error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from data.samples import Samples
from models.model import WORDS, Model
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor, nn

PICTURES = 10  # columns of the grid: inputs above, reconstructions below
SMALLEST = 84  # screen pixels of an image's side: smaller ones are drawn in larger pixels


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Task):
    """Loss: binary cross-entropy in nats, mean over pixels and samples. Metric `mse`: squared error summed over the
    pixels of a sample, mean over samples.

    Both as the AggMo paper trains and reports them (Lucas et al., ICLR 2019, section 5.1 and its code): the
    learning rates of the paper belong to the mean over pixels.
    """

    objective: ClassVar[str] = "reconstruction"
    metric: ClassVar[str] = "mse"
    better: ClassVar[Literal["max", "min"]] = "min"

    def check(self, data: DataSet, model: Model) -> None:
        if model.output != "image":
            raise ValueError(
                f"task={self.name} needs a model that draws images, such as model=autoencoder; "
                f"model={model.name} {WORDS[model.output]}"
            )
        if not data.in_unit_range:
            raise ValueError(
                f"task={self.name} compares with pixels in [0, 1]; data.normalize=true would leave that range"
            )

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(output, x.flatten(1))

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return output.sigmoid().sub_(x.flatten(1)).square().sum()

    def show(self, model: nn.Module, samples: Samples, folder: Path) -> None:
        """Save reconstructions.png: test images in the upper row, their reconstructions below."""
        import torch
        from torchvision.utils import save_image

        x, _ = next(samples.eval_batches("test", PICTURES))
        with torch.no_grad():
            drawn = model(x).sigmoid().reshape(x.shape)
        scale = max(1, SMALLEST // x.shape[-1])
        rows = torch.cat((x, drawn)).cpu().repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        save_image(rows, folder / "reconstructions.png", nrow=len(x), padding=1, pad_value=0.5)
