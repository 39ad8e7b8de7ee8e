"""Random crops and flips of images in memory, a batch at a time: what torchvision's RandomCrop(size, padding=4)
and RandomHorizontalFlip() do to one image at a time, in distribution and, given the draws, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PADDING = 4  # zero pixels on each side: black, because it comes before normalisation
OFFSETS = 2 * PADDING + 1


@dataclass(frozen=True)
class CropFlip:
    """Every image is cut to its own size at one of 9 x 9 places of its zero-padded self, and mirrored or not.

    A draw is a number below 162 = 9 * 9 * 2, all equally likely: ((top * 9) + left) * 2 + mirrored.
    """

    padded: Tensor  # (n, channels, (height + 8) * (width + 8)): each channel's pixels in a row
    grids: Tensor  # (2, height * width): a crop's places in that row at top = left = 0; [1] mirrored
    starts: Tensor  # (162,): what each draw's corner adds to those places
    size: tuple[int, int]  # (height, width)

    @classmethod
    def of(cls, x: Tensor) -> CropFlip:
        """x: images (n, channels, height, width)."""
        import torch
        from torch.nn.functional import pad

        height, width = x.shape[2:]
        padded = pad(x, (PADDING,) * 4)
        places = torch.arange(padded[0, 0].numel()).reshape(padded.shape[2:])
        grid = places[:height, :width]
        draws = torch.arange(OFFSETS * OFFSETS * 2)
        starts = places[draws // 2 // OFFSETS, draws // 2 % OFFSETS]
        return cls(padded.flatten(2), torch.stack((grid.flatten(), grid.flip(1).flatten())), starts, (height, width))

    def to(self, device: str) -> CropFlip:
        return CropFlip(self.padded.to(device), self.grids.to(device), self.starts.to(device), self.size)

    def draw(self, seed: int) -> Tensor:
        """One draw for each image, from `seed` alone: drawn on the CPU, the same for every device."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        return torch.randint(len(self.starts), (len(self.padded),), generator=generator).to(self.padded.device)

    def take(self, index: Tensor, draws: Tensor) -> Tensor:
        """The images of `index`, each cut and mirrored as its own entry of `draws` (n,) says."""
        drawn = draws.index_select(0, index)
        places = self.grids.index_select(0, drawn % 2).add_(self.starts.index_select(0, drawn).unsqueeze(1))
        images = self.padded.index_select(0, index)
        return images.gather(2, places.unsqueeze(1).expand(-1, images.shape[1], -1)).unflatten(2, self.size)
