"""The thin ResNets that He et al. made for CIFAR-10."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ResNetCifar(Model):
    """ResNet of depth 6n+2: 3x3 stem, three stages of n basic blocks with 16, 32 and 64 channels.

    shortcut, where the shape changes: "A" is the identity, strided and padded with zeros (269,722 parameters at
    depth 20 and 10 classes); "B" a 1x1 convolution with batch normalisation (272,474).
    Weights: Kaiming-normal, biases PyTorch's, as in MoMo's code (step-back), which has "A".
    Source: He et al., CVPR 2016, section 4.2. Deviations: AggMo's code has "B" with PyTorch's initialisation;
    ours is Kaiming for both. Images of any size fit.
    """

    name: ClassVar[str] = "resnet_cifar"

    depth: int = field(default=20, metadata={"range": "[8, inf)"})
    shortcut: Literal["A", "B"] = "A"

    def validate(self) -> None:
        if self.depth % 6 != 2:
            near = self.depth - (self.depth - 2) % 6
            raise ValueError(f"model.depth={self.depth} is not 6n+2, such as {near} or {near + 6}")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        from models.layers.residual import basic, projected, residual_network, zero_padded

        block = partial(basic, shortcut=zero_padded if self.shortcut == "A" else projected)
        network = residual_network(shape[0], classes, (16, 32, 64), (self.depth // 6,) * 3, block)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        return network
