"""What every data set offers: its shape before it is read, its samples, and a train/validation split.

A data set is described by a small frozen dataclass (its fields are the keys of `configs/data/*.yaml`), which
answers `shape` and `classes` without reading a sample and without importing torch. `read()` finds the samples;
`load()` splits the training part in two, applies the limits and says how to augment and normalise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, Literal

from data.check import Checked
from data.samples import AnyPart, Samples

if TYPE_CHECKING:
    from torch import Tensor

Limits = tuple[int | None, int | None, int | None]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # means and standard deviations, one a channel


def default_root() -> str:
    return os.environ.get("DATA_ROOT") or "datasets"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Base of all data sets. Fields are configuration keys; `name` is the value of `data=`."""

    name: ClassVar[str]
    #: published means and standard deviations of the channels' pixels in [0, 1]; None: those of the training part
    statistics: ClassVar[Statistics | None] = None
    unit_range: ClassVar[bool] = True  # inputs lie in [0, 1] unless normalised
    has_classes: ClassVar[bool] = True  # whether labels mean something; known without reading the data
    has_signs: ClassVar[bool] = False  # whether targets are -1 and +1
    has_tokens: ClassVar[bool] = False  # whether samples are tokens of a text, and targets the next ones

    one_process_only: ClassVar[str] = ""  # why several processes can't share the batches; empty: they can

    root: str = ""  # folder of downloaded data sets; empty: $DATA_ROOT, else ./datasets
    val_fraction: float = field(default=0.1, metadata={"range": "(0, 1)"})  # of the training samples
    #: "first": the first 1-val_fraction train (AggMo's code). "test": every training sample trains and the test
    #: samples are the validation too (MoMo's and neural-net-optimization's protocol): what is then selected by
    #: validation has been selected on the test set
    split: Literal["random", "first", "test"] = "random"
    split_seed: int = field(default=0, metadata={"range": "[0, inf)"})  # not `seed`: every seed, one split
    shuffle: bool = True  # a new order every epoch; false: the training samples' own order
    reshuffle: bool = True  # false: one order, drawn from `seed`, for every epoch
    augment: Literal["none", "crop_flip"] = "none"  # random crops of the image padded by 4, half of them mirrored
    normalize: bool = False
    mean: tuple[float, ...] = ()  # to normalise with: a value a channel or one for all; empty: the data set's own
    std: tuple[float, ...] = field(default=(), metadata={"range": "(0, inf)"})

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample (channels, height, width)."""
        raise NotImplementedError

    @property
    def classes(self) -> int:
        raise NotImplementedError

    @property
    def in_unit_range(self) -> bool:
        return self.unit_range and not self.normalize

    def folder(self) -> str:
        return os.path.expanduser(self.root or default_root())

    def validate(self) -> None:
        """Raise ValueError for a combination of fields that can't be."""
        (usual,) = (each.default for each in fields(self) if each.name == "val_fraction")
        if self.split == "test" and self.val_fraction != usual:
            raise ValueError(
                f"data.split=test trains on every training sample; leave data.val_fraction={self.val_fraction} out"
            )
        if not self.shuffle and not self.reshuffle:
            raise ValueError(
                "data.reshuffle=false draws one order for all epochs; with data.shuffle=false none is drawn"
            )
        if (self.mean or self.std) and not self.normalize:
            raise ValueError("data.mean and data.std are what data.normalize=true subtracts and divides by; set it too")
        if bool(self.mean) != bool(self.std):
            raise ValueError("data.mean and data.std go together: set both or none")
        for key in ("mean", "std"):
            values = getattr(self, key)
            if len(values) not in (0, 1, self.shape[0]):
                raise ValueError(
                    f"data.{key}={list(values)} is neither one value nor one for each of {self.shape[0]} channels"
                )

    def versions(self) -> dict[str, str]:
        """What decides the samples beside settings, code and published files: packages with their versions, a hash of
        the user's own file. It is part of a run's signature."""
        return {}

    def with_threads(self, threads: int) -> DataSet:
        """The same data set for a run that has so many CPU threads to itself."""
        return self

    def fetch(self) -> object:
        """Download what is missing, if this data set can; raise FileNotFoundError saying what to do."""

    def read(self) -> tuple[AnyPart, AnyPart]:
        """Return (training samples, test samples); raise FileNotFoundError or ValueError saying what to do."""
        raise NotImplementedError

    def check(self) -> Iterator[Checked]:
        """What `--check-data` reports, which downloads nothing: here a line for each part of the samples.

        Raises FileNotFoundError or ValueError as `read` does.
        """
        for name, part in zip(("training and validation", "test"), self.read(), strict=True):
            labels = part.y if self.has_classes else None
            yield Checked(name, content=f"{len(part):,} samples", labels=labels, classes=self.classes)

    def load(self, limits: Limits = (None, None, None), batch_size: int = 1) -> Samples:
        """Read, split and cut. limits: the most samples to keep of train, val and test. batch_size: of training, for
        data whose samples are cut for it."""
        training, test = self.read()
        notes = tuple(dict.fromkeys(part.note for part in (training, test) if part.note))
        train, val = self.split_parts(training, test)
        statistics = as_tensors(self.chosen_statistics(train)) if self.normalize else None
        train, val, test = (part.limited(limit) for part, limit in zip((train, val, test), limits, strict=True))
        return Samples(train.augmented() if self.augment != "none" else train, val, test, statistics, notes)

    def split_parts(self, training: AnyPart, test: AnyPart) -> tuple[AnyPart, AnyPart]:
        """Return (train, validation)."""
        if self.split == "test":
            return training, test
        train, val = split_indices(len(training), self.val_fraction, self.split, self.split_seed)
        return training.take(train), training.take(val)

    def chosen_statistics(self, train: AnyPart) -> Statistics:
        return (self.mean, self.std) if self.mean else self.statistics or pixel_statistics(train)


def pixel_statistics(part: AnyPart) -> Statistics:
    x, _ = next(iter(part.in_order(len(part))))
    channels = [(channel if x.is_floating_point() else channel / 255) for channel in x.double().unbind(1)]
    return tuple(float(channel.mean()) for channel in channels), tuple(float(channel.std()) for channel in channels)


def as_tensors(statistics: Statistics) -> tuple[float | Tensor, float | Tensor]:
    """Each in the form that broadcasts over (n, channels, height, width); one value stays a number."""
    import torch

    mean, std = (each[0] if len(each) == 1 else torch.tensor(each).reshape(-1, 1, 1) for each in statistics)
    return mean, std


def split_indices(n: int, val_fraction: float, rule: str, seed: int) -> tuple[Tensor, Tensor]:
    """Disjoint indices of (train, validation) that cover 0..n-1.

    rule "first" keeps the file's order and holds out its tail, as the AggMo code does (first 90 % train);
    "random" is a permutation drawn from `seed` alone, the same on every machine and device.
    """
    import torch

    num_train = int(n * (1 - val_fraction) + 0.5)
    if not 0 < num_train < n:
        raise ValueError(f"data.val_fraction={val_fraction} of {n} samples leaves train or validation empty")
    order = torch.arange(n)
    if rule == "random":
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[:num_train], order[num_train:]
