"""CIFAR-10 and CIFAR-100: 50,000 + 10,000 colour photographs of 32x32 pixels (Krizhevsky, "Learning multiple layers
of features from tiny images", 2009), in the Python version of their files.

The files are looked for in torchvision's layout below `data.root` (`cifar-10-batches-py`) and in `data.root` itself,
which may be read-only. What is missing is downloaded by torchvision's class, with progress and checksums. The files
are pickles, and unpickling runs what they say: each is opened only after its checksum is the published one.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from data.dataset import DataSet, Statistics
from data.download import download
from data.samples import Part


@dataclass(frozen=True, kw_only=True)
class CIFAR10(DataSet):
    """Ten classes, 6,000 images each. The statistics are those of the AggMo code."""

    name: ClassVar[str] = "cifar10"
    statistics: ClassVar[Statistics | None] = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    torchvision_class: ClassVar[str] = "CIFAR10"
    labels: ClassVar[bytes] = b"labels"  # their key in the files

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    @property
    def classes(self) -> int:
        return 10

    def read(self) -> tuple[Part, Part]:
        known, place = self.published(), self.fetch()
        train, test = (
            self.read_part([(place / file, md5) for file, md5 in files])
            for files in (known.train_list, known.test_list)
        )
        return train, test

    def fetch(self) -> Path:
        """Download what is missing; return the folder of the files."""
        place = self.find()
        if place is None:
            known = self.published()
            failure = download(
                self.torchvision_class,
                Path(self.folder()),
                known.base_folder,
                lambda: bool(self.find()),
                known.filename,
            )
            place = self.find()
            if place is None:
                raise FileNotFoundError(self.missing(failure or "the download left them out"))
        return place

    def published(self) -> Any:
        """torchvision's class, which knows the files' names, their checksums and where they come from."""
        from torchvision import datasets

        return getattr(datasets, self.torchvision_class)

    def files(self) -> list[str]:
        known = self.published()
        return [file for file, _ in (*known.train_list, *known.test_list)]

    def places(self) -> tuple[Path, Path]:
        """Folders that may hold the files: torchvision's, then the root itself."""
        root = Path(self.folder())
        return root / self.published().base_folder, root

    def find(self) -> Path | None:
        return next((place for place in self.places() if all((place / file).is_file() for file in self.files())), None)

    def missing(self, reason: str) -> str:
        layout, root = self.places()
        here = next(
            (place for place in (layout, root) if any((place / file).is_file() for file in self.files())), layout
        )
        absent = ", ".join(file for file in self.files() if not (here / file).is_file())
        known = self.published()
        return (
            f"data={self.name}: files are missing and {reason}. Missing: {absent}. Put them into {here}, or "
            f"{known.filename} from {known.url} as it is into {root}, or set data.root=FOLDER (or $DATA_ROOT) to where "
            "they are. task=digits needs no download."
        )

    def read_part(self, files: list[tuple[Path, str]]) -> Part:
        import numpy
        import torch

        batches = [read_batch(path, md5) for path, md5 in files]
        pixels = numpy.concatenate([batch[b"data"] for batch in batches])
        labels = [label for batch in batches for label in batch[self.labels]]
        return Part(torch.from_numpy(pixels).reshape(-1, *self.shape), torch.tensor(labels))


@dataclass(frozen=True, kw_only=True)
class CIFAR100(CIFAR10):
    """A hundred classes, 600 images each; labels are the fine ones."""

    name: ClassVar[str] = "cifar100"
    statistics: ClassVar[Statistics | None] = ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))
    torchvision_class: ClassVar[str] = "CIFAR100"
    labels: ClassVar[bytes] = b"fine_labels"

    @property
    def classes(self) -> int:
        return 100


def read_batch(path: Path, md5: str) -> dict[bytes, Any]:
    """The dictionary of one file; ValueError, before anything is unpickled, if the file is not the published one."""
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(
            f"{path} is damaged or not the published file (its MD5 is {found}, not {md5}); delete it and get it again"
        )
    return pickle.loads(content, encoding="bytes")
