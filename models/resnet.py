"""ResNets of ImageNet's widths for small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


@dataclass(frozen=True, kw_only=True)
class ResNet(Model):
    """ResNet-18, -34 or -50 with a 3x3 stem of stride 1 and no max-pool; stages of 64, 128, 256, 512 channels.

    Parameters for 10 classes: 11,173,962 (18), 21,282,122 (34), 23,520,842 (50); PyTorch's initialisation.
    Source: He et al., CVPR 2016, as the kuangliu/pytorch-cifar code has it, which AggMo (ResNet-34) and MoMo
    (ResNet-18) use. Deviation: the global average is over whatever size is left, so any image fits; the source's
    4x4 pooling is the same for 32x32 images and fits no others.
    """

    name: ClassVar[str] = "resnet"

    depth: Literal[18, 34, 50] = 34

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from models.layers.residual import basic, bottleneck, residual_network

        block, expansion = (bottleneck, 4) if self.depth == 50 else (basic, 1)
        return residual_network(shape[0], classes, (64, 128, 256, 512), BLOCKS[self.depth], block, expansion)
