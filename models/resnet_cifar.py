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
    """ResNet of depth 6n+2: 3x3 stem, three stages of n blocks with 16, 32 and 64 channels.

    shortcut, where the shape changes: "A" is the identity, strided and padded with zeros (269,722 parameters at
    depth 20 and 10 classes); "B" a 1x1 convolution with batch normalisation (272,474).
    block: "basic", two 3x3 convolutions; or "bottleneck", of three convolutions and four times the channels out (B
    only): then the network has 9n+2 layers with weights, and `depth` still says n.
    init: "kaiming", normal weights and PyTorch's biases; or "torch", all as PyTorch makes it.
    Source: He et al., CVPR 2016, section 4.2. MoMo's code (step-back) has the defaults. AggMo's code has
    shortcut="B", init="torch", and bottleneck blocks in what it calls resnet44 and resnet56 (684,058 and 869,530
    parameters). Deviation: images of any size fit.
    """

    name: ClassVar[str] = "resnet_cifar"

    depth: int = field(default=20, metadata={"range": "[8, inf)"})
    shortcut: Literal["A", "B"] = "A"
    block: Literal["basic", "bottleneck"] = "basic"
    init: Literal["kaiming", "torch"] = "kaiming"

    def validate(self) -> None:
        if self.depth % 6 != 2:
            near = self.depth - (self.depth - 2) % 6
            raise ValueError(f"model.depth={self.depth} is not 6n+2, such as {near} or {near + 6}")
        if self.block == "bottleneck" and self.shortcut == "A":
            raise ValueError("model.block=bottleneck needs model.shortcut=B, not A")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        from models.layers.residual import basic, bottleneck, projected, residual_network, zero_padded

        if self.block == "bottleneck":
            block, expansion = bottleneck, 4
        else:
            block, expansion = partial(basic, shortcut=zero_padded if self.shortcut == "A" else projected), 1
        network = residual_network(shape[0], classes, (16, 32, 64), (self.depth // 6,) * 3, block, expansion)
        for module in network.modules() if self.init == "kaiming" else ():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        return network
