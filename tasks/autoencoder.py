"""Reconstruct the input through a bottleneck: binary cross-entropy and squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from data.samples import Samples
from models.model import OUTPUT_DESCRIPTIONS, Model
from results.images import ImageGrid
from tasks.task import Task

if TYPE_CHECKING:
    import numpy
    from torch import Tensor, nn

NUM_IMAGES = 10  # test images to reconstruct


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
                f"model={model.name} {OUTPUT_DESCRIPTIONS[model.output]}"
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

    def images(self, model: nn.Module, samples: Samples) -> ImageGrid:
        """The first test images and their reconstructions."""
        import torch

        x, _ = next(samples.eval_batches("test", NUM_IMAGES))
        with torch.no_grad():
            reconstructed = model(x).sigmoid().reshape(x.shape)
        rows = {"test images": x, "reconstructions": reconstructed}
        return ImageGrid({title: as_bytes(images) for title, images in rows.items()})


def as_bytes(images: Tensor) -> numpy.ndarray:
    """Pixels in [0, 1], rounded to 0 to 255."""
    import torch

    return images.mul(255).add(0.5).clamp(0, 255).to("cpu", torch.uint8).numpy()
