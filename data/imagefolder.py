"""Images in folders, a folder a class: ImageNet's layout, for data sets that do not fit into memory.

data.path/train/<class>/*.jpg    training and validation samples
data.path/val/<class>/*.jpg      test samples (ImageNet's 50,000 labelled validation images)
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet, Statistics

if TYPE_CHECKING:
    from data.image_files import ImageFiles

PARTS = ("train", "val")
MOST_WORKERS = 8
ORDER_SEED = 20152  # fixed: the files' order never depends on a setting


@dataclass(frozen=True, kw_only=True)
class ImageFolder(DataSet):
    """Colour images of any size, decoded by `num_workers` processes; files of other kinds are passed over.

    The samples' own order is a fixed permutation of the files', which come a class at a time: the first tenth of
    the test samples, or an unshuffled epoch, holds all classes.
    """

    name: ClassVar[str] = "imagefolder"
    statistics: ClassVar[Statistics | None] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's

    path: str = ""  # a folder as seen from here or from data.root
    image_size: int = field(default=224, metadata={"range": "[1, inf)"})  # pixels of the network's square input
    num_workers: int | None = field(default=None, metadata={"range": "[0, inf)"})  # None: one a CPU core, at most 8
    augment: Literal["none", "crop_flip"] = "crop_flip"  # here: a random part of the image, half of them mirrored
    normalize: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, self.image_size, self.image_size)

    @property
    def classes(self) -> int:
        return len(self.class_names("train"))

    def validate(self) -> None:
        super().validate()
        if not self.path:
            raise ValueError(f"data={self.name} needs data.path=FOLDER with train/<class>/*.jpg and val/<class>/*.jpg")

    def place(self, part: str) -> Path:
        path = Path(self.path).expanduser()
        return (path if path.is_dir() else Path(self.folder()) / path) / part

    def class_names(self, part: str) -> list[str]:
        """The class folders of a part, sorted: a class's place is its label."""
        folder = self.place(part)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"data={self.name}: there is no folder {folder}; data.path={self.path} must name a folder, seen from "
                f"here or from {self.folder()}, that holds train/<class>/*.jpg and val/<class>/*.jpg"
            )
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        if len(names) < 2:
            raise ValueError(f"data={self.name}: {folder} has {len(names)} class folders and needs two or more")
        return names

    def read(self) -> tuple[ImageFiles, ImageFiles]:
        train, val = map(self.class_names, PARTS)
        if train != val:
            example = min(set(train) ^ set(val))
            raise ValueError(
                f"data={self.name}: the class folders of {self.place('train')} and {self.place('val')} differ, "
                f"for example {example}; labels would not mean the same in both"
            )
        return self.list_files("train"), self.list_files("val")

    def list_files(self, part: str) -> ImageFiles:
        import numpy
        import torch
        from torchvision import datasets

        from data.image_files import ImageFiles

        try:
            found = datasets.ImageFolder(self.place(part)).samples
        except FileNotFoundError as error:  # says which classes are empty
            raise FileNotFoundError(f"data={self.name}: {self.place(part)}: {error}") from None
        files = ImageFiles(
            numpy.array([os.fsencode(path) for path, _ in found]),
            torch.tensor([label for _, label in found]),
            self.image_size,
            min(os.cpu_count() or 1, MOST_WORKERS) if self.num_workers is None else self.num_workers,
            torch.device("cpu"),
        )
        return files.take(torch.randperm(len(files), generator=torch.Generator().manual_seed(ORDER_SEED)))
