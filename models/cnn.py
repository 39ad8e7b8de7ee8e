"""Plain convolutional networks: the papers' small benchmarks on CIFAR-10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class CNN5(Model):
    """Five convolutions of 64-192-384-256-256 channels with ReLU, max-pools after the 1st, 2nd and 5th, one linear
    layer; no normalisation, no dropout, PyTorch's initialisation (2,472,266 parameters for 32x32x3 and 10 classes).

    Source: `alexnet_cifar` in the code of Lucas et al., "Aggregated Momentum", ICLR 2019; that it is the paper's
    "CNN-5" is our reading. Deviation: larger images fit, by a larger linear layer.
    """

    name: ClassVar[str] = "cnn5"
    smallest: ClassVar[int] = 29

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        left = (-(-height // 4) // 8) * (-(-width // 4) // 8)  # pixels after a stride of 4 and three halvings
        layers: list[nn.Module] = [nn.Conv2d(channels, 64, 11, stride=4, padding=5), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
        for fan_in, fan_out in ((192, 384), (384, 256), (256, 256)):
            layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256 * left, classes))


@dataclass(frozen=True, kw_only=True)
class CNNBatchNorm(Model):
    """A 5x5 convolution with ReLU, four 3x3 ones with batch normalisation and ReLU, 64 channels at the image's full
    size, and one linear layer; PyTorch's initialisation (808,458 parameters for 32x32x3 and 10 classes).

    Source: the CIFAR-10 network of nicklashansen/neural-net-optimization, 2020. Deviations: none.
    """

    name: ClassVar[str] = "cnn_bn"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        layers: list[nn.Module] = [nn.Conv2d(channels, 64, 5, padding=2), nn.ReLU()]
        for _ in range(4):
            layers += [nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * height * width, classes))
