"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images of 28x28 pixels in ten classes.

Files, plain or gzipped, are looked for in torchvision's layout below `data.root` (`MNIST/raw`), in its folder of the
data set's name (`mnist`) and in `data.root` itself (such as the folder of Debian's dataset-fashion-mnist), which may be
read-only. What is missing is downloaded by torchvision's class, with progress and checksums. The files of both have
the same names and form, and are told apart by their checksums; files of neither are read, with a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from data.check import NOT_DOWNLOADED, Checked, md5_of, missing_files
from data.dataset import DataSet, Statistics
from data.download import download
from data.idx import parse_idx, read_bytes
from data.samples import Part

if TYPE_CHECKING:
    from torch import Tensor

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CHECKSUMS = {  # MD5 of the published FILES, unpacked
    "mnist": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    "fashion_mnist": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
}


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
        found = self.fetch()
        contents = [read_bytes(path) for path in found]
        note = self.note(found, contents)
        train, test = (read_part(*zip(found[i : i + 2], contents[i : i + 2], strict=True)) for i in (0, 2))
        return replace(train, note=note), test

    def fetch(self) -> list[Path]:
        """Download what is missing; return the paths of FILES."""
        found = self.find()
        if found is None:
            into = f"{self.torchvision_class}/raw"
            failure = download(self.torchvision_class, Path(self.folder()), into, lambda: bool(self.find()))
            found = self.find()
            if found is None:
                raise FileNotFoundError(self.missing(failure or "the download left them out"))
        return found

    def note(self, found: list[Path], contents: list[bytes]) -> str:
        """A sentence on files that are not the published ones; ValueError for those of another data set."""
        rows = zip(found, FILES, contents, strict=True)
        others = [path.name for path, file, content in rows if not self.is_published(path, file, md5_of(content))]
        if not others or self.name not in CHECKSUMS:
            return ""
        return (
            f"data={self.name}: not the published files, by their checksums: {', '.join(others)} in {found[0].parent}"
        )

    def is_published(self, path: Path, file: str, md5: str) -> bool:
        """Whether the unpacked content of `path` is the published one; ValueError for that of another data set."""
        owner = next((name for name, known in CHECKSUMS.items() if md5 == known[FILES.index(file)]), None)
        if owner not in (None, self.name):
            raise ValueError(
                f"data={self.name}: {path} is a file of {owner}; choose data={owner}, or set data.root to where "
                f"the files of {self.name} are"
            )
        return owner is not None

    def check(self) -> Iterator[Checked]:
        found = self.find()
        if found is None:
            raise FileNotFoundError(self.missing(NOT_DOWNLOADED))
        for i in (0, 2):
            images, labels = (self.check_file(*each) for each in zip(found[i : i + 2], FILES[i : i + 2], strict=True))
            yield images
            if not images.problem and not labels.problem:  # each by itself; now together
                try:
                    read_part(*((path, read_bytes(path)) for path in found[i : i + 2]))
                except ValueError as error:
                    labels = replace(labels, problem=str(error))
            yield labels

    def check_file(self, path: Path, file: str) -> Checked:
        try:
            content = read_bytes(path)
            md5 = md5_of(content)
            published = self.is_published(path, file, md5)
            values = parse_idx(path, content)
        except ValueError as error:
            return Checked(str(path), problem=str(error))
        is_labels = values.ndim == 1
        return Checked(
            str(path),
            path.stat().st_size,
            md5,
            published,
            f"{len(values):,} {'labels' if is_labels else 'images'}",
            values.long() if is_labels else None,
            self.classes,
        )

    def places(self) -> tuple[Path, ...]:
        """Folders that may hold the files: torchvision's, one of the data set's name, then the root itself."""
        root = Path(self.folder())
        return root / self.torchvision_class / "raw", root / self.name, root

    def find(self) -> list[Path] | None:
        for place in self.places():
            paths = [existing(place, file) for file in FILES]
            if all(paths):
                return [path for path in paths if path]
        return None

    def missing(self, reason: str) -> str:
        from torchvision import datasets

        here = max(self.places(), key=lambda place: sum(existing(place, file) is not None for file in FILES))
        layout, named, root = self.places()
        return missing_files(
            self.name,
            ", ".join(file for file in FILES if not existing(here, file)),
            f"a run gets them from {' or '.join(getattr(datasets, self.torchvision_class).mirrors)}; {reason}",
            f"{root}, and in it {layout.relative_to(root)}, {named.name}",
            "IDX files of these names, plain or gzipped with .gz behind the name",
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


def read_part(images: tuple[Path, bytes], labels: tuple[Path, bytes]) -> Part:
    x, y = parse_idx(*images), parse_idx(*labels)
    if x.ndim != 3 or x.shape[1:] != (28, 28):
        raise ValueError(f"{images[0]} holds {tuple(x.shape)}, not images of 28x28")
    if y.ndim != 1 or len(y) != len(x):
        raise ValueError(f"{labels[0]} holds {tuple(y.shape)} labels for the {len(x)} images of {images[0]}")
    return Part(x.unsqueeze(1), as_labels(y, labels[0]))


def as_labels(y: Tensor, path: Path) -> Tensor:
    if len(y) and int(y.max()) > 9:
        raise ValueError(f"{path} has a label {int(y.max())}; the classes are 0 to 9")
    return y.long()
