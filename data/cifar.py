"""CIFAR-10 and CIFAR-100: 50,000 + 10,000 colour photographs of 32x32 pixels (Krizhevsky, "Learning multiple layers
of features from tiny images", 2009), in the Python version of their files (pickles) or in the binary version.

    cifar-10-batches-py/data_batch_1 ...          cifar-100-python/train        torchvision's layout below data.root
    cifar-10-batches-bin/data_batch_1.bin ...     cifar-100-binary/train.bin    label bytes and 3072 of pixels a record

Both hold the same samples in the same order. What is missing is downloaded by torchvision's class, with progress and
checksums.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from data.batch_files import BatchFiles, FileFormat, PublishedFile
from data.check import Checked
from data.dataset import Statistics
from data.download import download

if TYPE_CHECKING:
    from data.batch_files import Array

PIXELS = 3 * 32 * 32  # bytes of an image: its red, green and blue plane, each row by row
COARSE_CLASSES = 20  # of CIFAR-100, whose binary records have their label before the fine one

#: The binary version's files. MD5s: rai-project/dldataset @271f48a9, vision/cifar10.go and vision/cifar100.go
BINARY_FILES = {
    "cifar10": (
        PublishedFile("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25", 10_000),
        PublishedFile("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692", 10_000),
        PublishedFile("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421", 10_000),
        PublishedFile("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb", 10_000),
        PublishedFile("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d", 10_000),
        PublishedFile("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d", 10_000),
    ),
    "cifar100": (
        PublishedFile("train.bin", "6172c7755cfe09b2fe270c85cebc1b15", 50_000),
        PublishedFile("test.bin", "4499cfba6c016c1be1438163640a0898", 10_000),
    ),
}


@dataclass(frozen=True, kw_only=True)
class CIFAR10(BatchFiles):
    """Ten classes, 6,000 images each. The statistics are those of the AggMo code."""

    name: ClassVar[str] = "cifar10"
    statistics: ClassVar[Statistics | None] = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    torchvision_class: ClassVar[str] = "CIFAR10"
    labels: ClassVar[bytes] = b"labels"  # their key in the pickles
    binary_folder: ClassVar[str] = "cifar-10-batches-bin"
    label_bytes: ClassVar[int] = 1  # of a binary record; the last is the label

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    @property
    def classes(self) -> int:
        return 10

    def formats(self) -> tuple[FileFormat, ...]:
        known, binary = self.published(), BINARY_FILES[self.name]
        train, test = (tuple(PublishedFile(*file) for file in files) for files in (known.train_list, known.test_list))
        return (
            FileFormat(
                "the Python version's pickles",
                (known.base_folder,),
                train,
                test,
                partial(read_pickle, self.labels),
                pickled=True,
            ),
            FileFormat(
                "the binary version",
                (self.binary_folder,),
                binary[:-1],
                binary[-1:],
                partial(read_binary, self.label_bytes),
            ),
        )

    def published(self) -> Any:
        """torchvision's class, which knows the pickles' names, their checksums and where they come from."""
        from torchvision import datasets

        return getattr(datasets, self.torchvision_class)

    def origin(self) -> str:
        return f"a run gets them from {self.published().url}"

    def archive(self) -> str:
        return f"the archive {self.published().filename} in data.root"

    def download(self) -> str | None:
        known = self.published()
        root = Path(self.folder())
        return download(
            self.torchvision_class, root, known.base_folder, lambda: self.find() is not None, known.filename
        )

    def check(self) -> Iterator[Checked]:
        path = Path(self.folder()) / self.published().filename
        if self.find() is None and path.is_file():
            yield self.check_archive(path)
        else:
            yield from super().check()

    def check_archive(self, path: Path) -> Checked:
        """The packed Python version, which a run unpacks first; its checksum vouches for what is in it."""
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != self.published().tgz_md5:
            return Checked(str(path), problem=f"damaged or not the published archive (MD5 {found}); get it again")
        return Checked(str(path), path.stat().st_size, found, True, "unpacked by the first run")


@dataclass(frozen=True, kw_only=True)
class CIFAR100(CIFAR10):
    """A hundred classes, 600 images each; labels are the fine ones."""

    name: ClassVar[str] = "cifar100"
    statistics: ClassVar[Statistics | None] = ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))
    torchvision_class: ClassVar[str] = "CIFAR100"
    labels: ClassVar[bytes] = b"fine_labels"
    binary_folder: ClassVar[str] = "cifar-100-binary"
    label_bytes: ClassVar[int] = 2  # coarse, fine

    @property
    def classes(self) -> int:
        return 100


def read_pickle(labels: bytes, path: Path, content: bytes) -> tuple[Array, Array]:
    """Pixels (n, 3072) and labels (n,) of a file of the Python version, known to be the published one."""
    import numpy

    batch = pickle.loads(content, encoding="bytes")
    return batch[b"data"], numpy.array(batch[labels])


def read_binary(label_bytes: int, path: Path, content: bytes) -> tuple[Array, Array]:
    """Pixels (n, 3072) and labels (n,) of a file of the binary version. Raises ValueError for a damaged one."""
    import numpy

    length = label_bytes + PIXELS
    if not content or len(content) % length:
        raise ValueError(
            f"{path} is damaged: its {len(content)} bytes are no multiple of {length}, a record's length; "
            "delete it and get it again"
        )
    records = numpy.frombuffer(content, numpy.uint8).reshape(-1, length)
    if label_bytes == 2 and (worst := records[:, 0].max()) >= COARSE_CLASSES:
        raise ValueError(f"{path} has a coarse label {worst}; the coarse classes are 0 to {COARSE_CLASSES - 1}")
    return records[:, label_bytes:], records[:, label_bytes - 1]
