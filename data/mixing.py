"""Mixup and CutMix: each training sample mixed with the one before it in its batch, and its label likewise.

    mixup     x <- s x + (1 - s) x'                        s ~ Beta(alpha, alpha), one for the batch
    cutmix    a box of x' replaces that of x: (1 - s) of the image's area, centred anywhere in it and cut at its edges

The labels become class probabilities: s for the sample's own class, 1 - s for its partner's, with CutMix's s corrected
to the area that was replaced. The first sample's partner is the batch's last. As each epoch has a new order, the
partners are random, as those of torchvision.transforms.v2.MixUp and CutMix are, which these equal.

Sources: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup", ICLR 2018, equation 2 (mixup); Yun et al., "CutMix", ICCV 2019,
equations 1 and 2. Deviation: the papers draw a permutation of the batch, which may leave a sample with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    Pair = tuple[Tensor, Tensor]  # of a batch's samples, and of the partner of each


class Draw(NamedTuple):
    """What is random in a batch. share: s, in [0, 1]. center: of CutMix's box, in units of height and width; None for
    mixup."""

    share: float
    center: tuple[float, float] | None


@dataclass(frozen=True)
class Mixing:
    """mixup, cutmix: each one's alpha, 0 for not at all; of both, each batch gets one, with probability 1/2."""

    mixup: float
    cutmix: float
    classes: int

    def draw(self, seed: int) -> Draw:
        """A batch's draw, on the host: numbers that the device need not be asked for."""
        from numpy.random import default_rng

        generator = default_rng(seed)
        is_cut = generator.random() < 0.5 if self.mixup and self.cutmix else bool(self.cutmix)
        alpha = self.cutmix if is_cut else self.mixup
        share, y, x = float(generator.beta(alpha, alpha)), *map(float, generator.random(2))
        return Draw(share, (y, x) if is_cut else None)

    def mix(self, x: Pair, y: Pair, draw: Draw) -> tuple[Tensor, Tensor]:
        """The mixed samples, and their labels as probabilities (n, classes). y: classes (n,), of each of the pair."""
        import torch

        (samples, partners), share = x, draw.share
        if draw.center is None:
            mixed = partners.lerp(samples, share)
        else:
            height, width = samples.shape[-2:]
            top, bottom, left, right = box(draw.share, draw.center, height, width)
            mixed = samples.clone()
            mixed[..., top:bottom, left:right] = partners[..., top:bottom, left:right]
            share = 1 - (bottom - top) * (right - left) / (height * width)
        classes = torch.arange(self.classes, device=mixed.device)
        own, others = ((labels.unsqueeze(1) == classes).to(mixed.dtype) for labels in y)
        return mixed, others.lerp(own, share)


def box(share: float, center: tuple[float, float], height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of CutMix's box; bottom and right lie outside it."""
    side = 0.5 * (1 - share) ** 0.5
    found = []
    for size, place in zip((height, width), center, strict=True):
        middle, half = int(place * size), int(side * size)
        found += [max(middle - half, 0), min(middle + half, size)]
    top, bottom, left, right = found
    return top, bottom, left, right
