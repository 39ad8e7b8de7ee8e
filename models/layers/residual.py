"""Residual networks of any number of stages, with basic or bottleneck blocks and three kinds of shortcut.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import pad, relu

Block = Callable[[int, int, int], nn.Module]  # (channels in, width, stride) -> block
Shortcut = Callable[[int, int, int], nn.Module]  # (channels in, channels out, stride) -> shortcut


class Residual(nn.Module):
    """x -> relu(body(x) + shortcut(x))."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.body(x) + self.shortcut(x))


class ZeroPadded(nn.Module):
    """Shortcut A: every `stride`-th row and column, with `extra` channels of zeros half before and half after."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: Tensor) -> Tensor:
        before = self.extra // 2
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.extra - before))


class GlobalAverage(nn.Module):
    """(n, channels, height, width) -> (n, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def conv_norm(channels: int, width: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size (but for its stride), without bias, and batch normalisation."""
    conv = nn.Conv2d(channels, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(width)]


def zero_padded(channels: int, out: int, stride: int) -> nn.Module:
    """Shortcut A of He et al.: no parameters."""
    return nn.Identity() if (channels, stride) == (out, 1) else ZeroPadded(out - channels, stride)


def projected(channels: int, out: int, stride: int) -> nn.Module:
    """Shortcut B of He et al.: a 1x1 convolution with batch normalisation where the shape changes."""
    return nn.Identity() if (channels, stride) == (out, 1) else nn.Sequential(*conv_norm(channels, out, 1, stride))


def basic(channels: int, width: int, stride: int, shortcut: Shortcut = projected) -> nn.Module:
    """Two 3x3 convolutions, `width` channels out."""
    body = [*conv_norm(channels, width, 3, stride), nn.ReLU(), *conv_norm(width, width, 3)]
    return Residual(nn.Sequential(*body), shortcut(channels, width, stride))


def bottleneck(channels: int, width: int, stride: int) -> nn.Module:
    """1x1, 3x3 (which has the stride) and 1x1 convolutions, 4 `width` channels out."""
    body = [*conv_norm(channels, width, 1), nn.ReLU(), *conv_norm(width, width, 3, stride), nn.ReLU()]
    return Residual(nn.Sequential(*body, *conv_norm(width, 4 * width, 1)), projected(channels, 4 * width, stride))


def residual_network(
    channels: int, classes: int, widths: tuple[int, ...], blocks: tuple[int, ...], block: Block, expansion: int = 1
) -> nn.Module:
    """3x3 stem, one stage a width (each but the first halves the image), global average, linear scores.

    blocks: how many in each stage; expansion: a block's channels out over its width.
    """
    layers = [*conv_norm(channels, widths[0], 3), nn.ReLU()]
    channels = widths[0]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for i in range(count):
            layers.append(block(channels, width, 2 if stage and not i else 1))
            channels = width * expansion
    return nn.Sequential(*layers, GlobalAverage(), nn.Linear(channels, classes))
