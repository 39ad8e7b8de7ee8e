"""The deep autoencoder of the momentum literature (Hinton and Salakhutdinov, Science 2006), as AggMo has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Autoencoder(Model):
    """784-1000-500-250-30 and back: ReLU between layers, a linear code, one logit a pixel (2,837,314 parameters).

    Source: Lucas, Sun, Zemel and Grosse, "Aggregated Momentum", ICLR 2019, section 5.1, and its code. Deviation:
    the sigmoid of the output belongs to the loss (binary cross-entropy with logits), which is the same function
    and can't overflow.
    """

    name: ClassVar[str] = "autoencoder"
    output: ClassVar[Literal["scores", "image", "point"]] = "image"

    encoder: tuple[int, ...] = field(default=(1000, 500, 250, 30), metadata={"range": "[1, inf)"})

    def validate(self) -> None:
        if not self.encoder:
            raise ValueError("model.encoder=[] leaves no code layer; the paper's is [1000, 500, 250, 30]")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        def stack(sizes: tuple[int, ...]) -> list[nn.Module]:
            layers: list[nn.Module] = []
            for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
                layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
            return layers[:-1]  # the last layer is linear

        sizes = (prod(shape), *self.encoder)
        return nn.Sequential(nn.Flatten(), *stack(sizes), *stack(sizes[::-1]))
