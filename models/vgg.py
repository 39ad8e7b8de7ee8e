"""VGG networks for small images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (channels, convolutions) before each max-pool


@dataclass(frozen=True, kw_only=True)
class VGG16(Model):
    """VGG16 with batch normalisation and the classifier 512-512-512-classes, dropout before its first two layers.

    15,253,578 parameters for 32x32x3 and 10 classes. Convolutions: normal with variance 2 / (9 channels out), bias
    0; the rest PyTorch's initialisation.
    Source: Simonyan and Zisserman, ICLR 2015, for CIFAR as MoMo's code (step-back) has it. Deviation: images
    larger than 32x32 fit, by a larger first linear layer.
    """

    name: ClassVar[str] = "vgg16"
    smallest: ClassVar[int] = 32

    dropout: float = field(default=0.5, metadata={"range": "[0, 1)"})

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        layers: list[nn.Module] = []
        for out, convolutions in STAGES:
            for _ in range(convolutions):
                conv = nn.Conv2d(channels, out, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                layers += [conv, nn.BatchNorm2d(out), nn.ReLU()]
                channels = out
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.Flatten())
        for fan_in in (512 * (height // 32) * (width // 32), 512):
            layers += [nn.Dropout(self.dropout), nn.Linear(fan_in, 512), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(512, classes))
