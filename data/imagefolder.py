"""Images in folders, a folder a class: ImageNet's layout, for data sets that do not fit into memory.

data.path/train/<class>/*.jpg    training and validation samples
data.path/val/<class>/*.jpg      test samples (ImageNet's 50,000 labelled validation images)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from data.check import Checked
from data.dataset import DataSet, Statistics

if TYPE_CHECKING:
    from data.image_files import ImageFiles

PARTS = ("train", "val")
MOST_WORKERS = 8
ORDER_SEED = 20152  # fixed: the files' order never depends on a setting


@dataclass(frozen=True, kw_only=True)
class ImageFolder(DataSet):
    """Colour images of any size, decoded by `num_workers` processes; files of other kinds are passed over, and hidden
    files and folders as well (`is_hidden`), with a note of how many.

    The samples' own order is a fixed permutation of the files', which come a class at a time: the first tenth of
    the test samples, or an unshuffled epoch, holds all classes.
    """

    name: ClassVar[str] = "imagefolder"
    statistics: ClassVar[Statistics | None] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's

    path: str = ""  # a folder as seen from here or from data.root
    image_size: int = field(default=224, metadata={"range": "[1, inf)"})  # pixels of the network's square input
    num_workers: int | None = field(default=None, metadata={"range": "[0, inf)"})  # None: one a CPU thread, at most 8
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

    def with_threads(self, threads: int) -> ImageFolder:
        return replace(self, num_workers=min(threads, MOST_WORKERS)) if self.num_workers is None else self

    def class_names(self, part: str) -> list[str]:
        """The class folders of a part, sorted: a class's place is its label."""
        folder = self.place(part)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"data={self.name}: there is no folder {folder}; data.path={self.path} must name a folder, seen from "
                f"here or from {self.folder()}, that holds train/<class>/*.jpg and val/<class>/*.jpg"
            )
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_hidden(entry.name))
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
        from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

        from data.image_files import ImageFiles

        folder, hidden = self.place(part), []

        def is_image(path: str) -> bool:
            if any(map(is_hidden, os.path.relpath(path, folder).split(os.sep))):
                hidden.append(path)
                return False
            return path.lower().endswith(IMG_EXTENSIONS)

        classes = {name: label for label, name in enumerate(self.class_names(part))}
        try:
            found = make_dataset(str(folder), classes, is_valid_file=is_image)
        except FileNotFoundError as error:  # says which classes are empty
            raise FileNotFoundError(f"data={self.name}: {folder}: {error}") from None
        hidden += [entry.path for entry in os.scandir(folder) if is_hidden(entry.name)]
        files = ImageFiles(
            numpy.array([os.fsencode(path) for path, _ in found]),
            torch.tensor([label for _, label in found]),
            self.image_size,
            min(available_cores(), MOST_WORKERS) if self.num_workers is None else self.num_workers,
            torch.device("cpu"),
        )
        files = files.take(torch.randperm(len(files), generator=torch.Generator().manual_seed(ORDER_SEED)))
        return replace(files, note=self.note(folder, hidden))

    def check(self) -> Iterator[Checked]:
        """A line for each part and for each image that can't be read; all are decoded."""
        for name, part in zip(PARTS, self.read(), strict=True):
            with ThreadPoolExecutor(part.num_workers or 1) as pool:
                problems = [problem for problem in pool.map(part.problem, range(len(part))) if problem]
            yield from (Checked(name, problem=problem) for problem in problems)
            size = sum(os.path.getsize(file) for file in part.files)
            place = str(self.place(name))
            yield Checked(place, size, content=f"{len(part):,} images", labels=part.y, classes=self.classes)
            if part.note:
                yield Checked(name, content=part.note)

    def note(self, folder: Path, hidden: list[str]) -> str:
        count = f"{len(hidden)} hidden file{'s' if len(hidden) > 1 else ''} or folder{'s' if len(hidden) > 1 else ''}"
        return f"data={self.name}: left out {count} in {folder}, such as {min(hidden)}" if hidden else ""


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_hidden(name: str) -> bool:
    """Whether a file or folder is a system's or an editor's own: .ipynb_checkpoints, ._0.jpg, .DS_Store, Thumbs.db."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini", "__macosx", "@eadir")
