"""torchvision's ResNets, for images of ImageNet's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class TorchvisionResNet(Model):
    """torchvision.models.resnet18, 34, 50, 101 or 152, untrained: 7x7 stem of stride 2, max-pool, four stages.

    Parameters for 1000 classes: 11,689,512 (18), 25,557,032 (50). Images have 3 channels and, in practice, 64 pixels
    or more a side: the last stage sees a 32nd of it.
    Source: He et al., CVPR 2016; torchvision has the stride in the 3x3 convolution. Deviations from it: none.
    """

    name: ClassVar[str] = "torchvision_resnet"

    depth: Literal[18, 34, 50, 101, 152] = 50

    def check_shape(self, shape: tuple[int, ...]) -> None:
        if shape[0] != 3:
            raise ValueError(f"model={self.name} needs images of 3 channels, not {shape[0]}; model=resnet34 takes any")
        super().check_shape(shape)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torchvision import models

        return getattr(models, f"resnet{self.depth}")(weights=None, num_classes=classes)
