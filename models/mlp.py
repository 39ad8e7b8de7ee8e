"""Fully connected networks for classification."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class MLP(Model):
    """pixels -> hidden[0] -> ... -> classes, ReLU between the layers.

    init: "default" is PyTorch's; "xavier_normal" and "normal" draw weights of variance 2 / (fan in + fan out) and
    `std` squared (std None: 0.1), with biases 0.
    784-64-10 with Xavier-normal weights is neural-net-optimization's MNIST network; 784-100-100-10 with PyTorch's
    initialisation is MoMo's (89,610 parameters); 20 hidden layers of 50 with N(0, 0.1^2) are those of Neelakantan et
    al., "Adding Gradient Noise Improves Learning for Very Deep Networks", 2015 (its biases: not found, 0 is ours).
    """

    name: ClassVar[str] = "mlp"

    hidden: tuple[int, ...] = field(default=(64,), metadata={"range": "[1, inf)"})
    init: Literal["default", "xavier_normal", "normal"] = "default"
    std: float | None = field(default=None, metadata={"range": "(0, inf)"})

    def validate(self) -> None:
        if self.std is not None and self.init != "normal":
            raise ValueError(f"model.std={self.std} is of model.init=normal; model.init={self.init} has its own")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        sizes = (prod(shape), *self.hidden, classes)
        layers: list[nn.Module] = [nn.Flatten()]
        for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
            linear = nn.Linear(fan_in, fan_out)
            if self.init == "xavier_normal":
                nn.init.xavier_normal_(linear.weight)
            elif self.init == "normal":
                nn.init.normal_(linear.weight, std=0.1 if self.std is None else self.std)
            if self.init != "default":
                nn.init.zeros_(linear.bias)
            layers += [nn.ReLU(), linear] if i else [linear]
        return nn.Sequential(*layers)
