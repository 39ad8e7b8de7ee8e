"""The samples of a run: three parts, each in memory or streamed from files, that come out as batches for the network.

    samples.train_batches(order, batch_size, start, seed)     an epoch's batches from number `start` on, augmented
    samples.eval_batches("val", size)                         every sample of a part once, as it is

Whatever is random in a batch is drawn from `seed` for every sample of the part at once and looked up by the sample's
place in the part. So batch 7 of an epoch is the same whatever came before it: a resumed run needs no state from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from data.augment import CropFlip
    from data.decoding_rate import DecodingRate

    Batches = Iterator[tuple[Tensor, Tensor]]


class AnyPart(Protocol):
    """Samples of one part (train, val or test), wherever they lie. Batches are on the part's device."""

    @property
    def y(self) -> Tensor:
        """Labels (n,)."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def note(self) -> str:
        """A line for the user on what was found, or nothing."""
        ...

    def __len__(self) -> int: ...

    def to(self, device: str) -> AnyPart: ...

    def take(self, index: Tensor) -> AnyPart: ...

    def limited(self, limit: int | None) -> AnyPart: ...

    def augmented(self) -> AnyPart:
        """The part whose batches `in_turn` are augmented."""
        ...

    def in_turn(self, order: Tensor, batch_size: int, start: int, seed: int) -> Batches:
        """Batches of the samples in `order` (indices on the CPU), from batch `start` on; seed: of the augmentation."""
        ...

    def in_order(self, size: int) -> Batches:
        """Every sample once, `size` at a time, never augmented."""
        ...


@dataclass(frozen=True)
class Part:
    """Samples in memory: inputs `x` (n, channels, height, width), labels `y` (n,)."""

    x: Tensor
    y: Tensor
    crops: CropFlip | None = None  # what `in_turn` takes instead of x
    note: str = ""

    @property
    def device(self) -> torch.device:
        return self.y.device

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: str) -> Part:
        return Part(self.x.to(device), self.y.to(device), self.crops and self.crops.to(device))

    def take(self, index: Tensor) -> Part:
        return Part(self.x[index], self.y[index])

    def limited(self, limit: int | None) -> Part:
        return self if limit is None else Part(self.x[:limit], self.y[:limit])

    def augmented(self) -> Part:
        from data.augment import CropFlip

        return replace(self, crops=CropFlip.of(self.x))

    def in_turn(self, order: Tensor, batch_size: int, start: int, seed: int) -> Batches:
        crops = self.crops
        pick = partial(crops.take, draws=crops.draw(seed)) if crops else partial(self.x.index_select, 0)
        for index in order.to(self.device).split(batch_size)[start:]:
            yield pick(index), self.y.index_select(0, index)

    def in_order(self, size: int) -> Batches:
        return zip(self.x.split(size), self.y.split(size), strict=True)


@dataclass(frozen=True)
class Samples:
    """A data set: uint8 images (0-255), float32 features or int64 tokens, split three ways.

    `prepare` turns a batch into the network's input: uint8 is divided by 255, as torchvision's ToTensor does,
    and then, if asked for, normalised by a mean and standard deviation: numbers, or a tensor (channels, 1, 1) each.
    Tokens stay as they are.
    """

    train: AnyPart
    val: AnyPart
    test: AnyPart
    statistics: tuple[float | Tensor, float | Tensor] | None = None  # mean and standard deviation to normalise with
    notes: tuple[str, ...] = ()  # lines for the user on what was found where the data were read
    fingerprint: str = ""  # of samples in files: which files a resumed run must find again
    decoding: DecodingRate | None = None  # of samples in files, how fast training batches have been decoded

    @property
    def device(self) -> torch.device:
        return self.train.device

    def prepare(self, x: Tensor) -> Tensor:
        import torch

        if x.dtype == torch.int64:
            return x
        if not x.is_floating_point():
            x = x.float().div_(255)
        if self.statistics is None:
            return x
        mean, std = self.statistics
        return x.sub(mean).div_(std)

    def train_batches(self, order: Tensor, batch_size: int, start: int, seed: int) -> Batches:
        """(x, y), ready for the network, of the epoch's batches from number `start` (0-based) on.

        order: the epoch's sample indices, on the CPU. seed: of the epoch's augmentation, which depends on nothing
        else: not on the order, the batch size or `start`.
        """
        for x, y in self.train.in_turn(order, batch_size, start, seed):
            yield self.prepare(x), y

    def eval_batches(self, part: str, size: int) -> Batches:
        """(x, y), ready for the network, of every sample of "train", "val" or "test" once, not augmented."""
        chosen: AnyPart = getattr(self, part)
        for x, y in chosen.in_order(size):
            yield self.prepare(x), y

    def to(self, device: str) -> Samples:
        parts = {name: getattr(self, name).to(device) for name in ("train", "val", "test")}
        statistics = self.statistics
        if statistics is not None:
            mean, std = (value if isinstance(value, int | float) else value.to(device) for value in statistics)
            statistics = mean, std
        return replace(self, **parts, statistics=statistics)

    def sizes(self) -> str:
        return f"{len(self.train)} train, {len(self.val)} validation, {len(self.test)} test"
