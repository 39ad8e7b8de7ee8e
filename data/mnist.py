"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images of 28x28 pixels in ten classes.

Files are looked for in `data.root` itself (a folder such as the one of Debian's dataset-fashion-mnist, plain or
gzipped, which may be read-only) and in torchvision's layout below it (`MNIST/raw`). What is missing is
downloaded by torchvision's class, with progress and checksums.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from data.dataset import DataSet, Statistics
from data.download import download
from data.idx import read_idx
from data.samples import Part

if TYPE_CHECKING:
    from torch import Tensor

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True, kw_only=True)
class MNIST(DataSet):
    """Handwritten digits (LeCun, Bottou, Bengio and Haffner, 1998)."""

    name: ClassVar[str] = "mnist"
    statistics: ClassVar[Statistics | None] = ((0.1307,), (0.3081,))
    torchvision_class: ClassVar[str] = "MNIST"

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 28, 28)

    @property
    def classes(self) -> int:
        return 10

    def read(self) -> tuple[Part, Part]:
        found = self.find()
        if found is None:
            failure = download(self.torchvision_class, self.folder(), self.places()[0])
            found = self.find()
            if found is None:
                raise FileNotFoundError(self.missing(failure or "the download left them out"))
        return read_part(found[0], found[1]), read_part(found[2], found[3])

    def places(self) -> tuple[Path, Path]:
        """Folders that may hold the files: torchvision's, then the root itself."""
        root = Path(self.folder())
        return root / self.torchvision_class / "raw", root

    def find(self) -> list[Path] | None:
        for place in self.places():
            paths = [existing(place, file) for file in FILES]
            if all(paths):
                return [path for path in paths if path]
        return None

    def missing(self, reason: str) -> str:
        layout, root = self.places()
        here = next((place for place in (layout, root) if any(existing(place, file) for file in FILES)), layout)
        absent = ", ".join(f"{file}[.gz]" for file in FILES if not existing(here, file))
        return (
            f"data={self.name}: files are missing and {reason}. Missing: {absent}. "
            f"Put them into {here} or set data.root=FOLDER (or $DATA_ROOT) to where they are. "
            "task=digits needs no download."
        )


@dataclass(frozen=True, kw_only=True)
class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's format (Xiao, Rasul and Vollgraf, arXiv 1708.07747, 2017)."""

    name: ClassVar[str] = "fashion_mnist"
    statistics: ClassVar[Statistics | None] = ((0.2860,), (0.3530,))
    torchvision_class: ClassVar[str] = "FashionMNIST"


def existing(folder: Path, file: str) -> Path | None:
    for path in (folder / file, folder / f"{file}.gz"):
        if path.is_file():
            return path
    return None


def read_part(images: Path, labels: Path) -> Part:
    x, y = read_idx(images), read_idx(labels)
    if x.ndim != 3 or x.shape[1:] != (28, 28):
        raise ValueError(f"{images} holds {tuple(x.shape)}, not images of 28x28")
    if y.ndim != 1 or len(y) != len(x):
        raise ValueError(f"{labels} holds {tuple(y.shape)} labels for the {len(x)} images of {images}")
    return Part(x.unsqueeze(1), as_labels(y, labels))


def as_labels(y: Tensor, path: Path) -> Tensor:
    if len(y) and int(y.max()) > 9:
        raise ValueError(f"{path} has a label {int(y.max())}; the classes are 0 to 9")
    return y.long()
