"""torchvision's MobileNetV2, for images of ImageNet's size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class MobileNetV2(Model):
    """torchvision.models.mobilenet_v2, untrained: a 3x3 convolution, 17 inverted residual blocks, a linear layer.

    3,504,872 parameters for 1000 classes. Images have 3 channels and, in practice, 64 pixels or more a side: the last
    blocks see a 32nd of it.
    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018. Deviations: none.
    """

    name: ClassVar[str] = "mobilenet_v2"

    dropout: float = field(default=0.2, metadata={"range": "[0, 1)"})  # before the linear layer

    def check_shape(self, shape: tuple[int, ...]) -> None:
        if shape[0] != 3:
            raise ValueError(f"model={self.name} needs images of 3 channels, not {shape[0]}; model=resnet34 takes any")
        super().check_shape(shape)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torchvision import models

        return models.mobilenet_v2(weights=None, num_classes=classes, dropout=self.dropout)
