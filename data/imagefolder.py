"""Images in folders, a folder a class: ImageNet's layout, for data sets that do not fit into memory.

data.path/train/<class>/*.jpg    training and validation samples
data.path/val/<class>/*.jpg      test samples (ImageNet's 50,000 labelled validation images)
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from data.check import Checked
from data.dataset import DataSet, Limits, Statistics

if TYPE_CHECKING:
    from data.image_files import ImageFiles
    from data.image_reading import Examined
    from data.samples import Samples

PARTS = ("train", "val")
MOST_WORKERS = 8
MOST_NAMED = 10  # files in a note
ORDER_SEED = 20152  # fixed: the files' order never depends on a setting


@dataclass(frozen=True, kw_only=True)
class ImageFolder(DataSet):
    """Colour images of any size, decoded by `num_workers` processes; files of other kinds are passed over, and hidden
    files and folders as well (`is_hidden`), with a note of how many.

    The samples' own order is a fixed permutation of the files', which come a class at a time: the first tenth of
    the test samples, or an unshuffled epoch, holds all classes.

    Files that can't be read: with on_error=raise the first that is decoded ends the run. With skip every file is
    decoded once before training, in each process of a run, and those that can't be read are in no part: which samples
    a run has depends on the files alone, not on when it met them.
    """

    name: ClassVar[str] = "imagefolder"
    statistics: ClassVar[Statistics | None] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's

    path: str = ""  # a folder as seen from here or from data.root
    image_size: int = field(default=224, metadata={"range": "[1, inf)"})  # pixels of the network's square input
    num_workers: int | None = field(default=None, metadata={"range": "[0, inf)"})  # None: one a CPU thread, at most 8
    on_error: Literal["raise", "skip"] = "raise"  # what is done with a file that can't be read
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
        return self.read_part("train"), self.read_part("val")

    def load(self, limits: Limits = (None, None, None), batch_size: int = 1) -> Samples:
        samples = super().load(limits, batch_size)
        train, val, test = (cast("ImageFiles", part) for part in (samples.train, samples.val, samples.test))
        fingerprint = " ".join(part.fingerprint for part in (train, val, test))
        return replace(samples, fingerprint=fingerprint, decoding=train.decoding)

    def read_part(self, part: str) -> ImageFiles:
        files = self.list_files(part)
        return files if self.on_error == "raise" else self.without_unreadable(files, self.examine(files))

    def list_files(self, part: str) -> ImageFiles:
        import numpy
        import torch
        from torchvision.datasets.folder import IMG_EXTENSIONS

        from data.image_files import ImageFiles

        folder, found, hidden = self.place(part), [], []
        for label, name in enumerate(self.class_names(part)):
            names, more = class_files(str(folder / name), IMG_EXTENSIONS)
            if not names:
                raise FileNotFoundError(
                    f"data={self.name}: {folder / name} has no image; read are {', '.join(IMG_EXTENSIONS)}"
                )
            found += [(path, label) for path in names]
            hidden += more
        hidden += [entry.path for entry in os.scandir(folder) if is_hidden(entry.name)]
        files = ImageFiles(
            numpy.array([os.fsencode(path) for path, _ in found]),
            torch.tensor([label for _, label in found]),
            self.image_size,
            min(available_cores(), MOST_WORKERS) if self.num_workers is None else self.num_workers,
            torch.device("cpu"),
            str(folder),
        )
        files = files.take(torch.randperm(len(files), generator=torch.Generator().manual_seed(ORDER_SEED)))
        return replace(files, note=self.note(folder, hidden))

    def without_unreadable(self, part: ImageFiles, found: list[Examined]) -> ImageFiles:
        """The part's files that can be read, with a note of the others. found: of each file."""
        import torch

        good, bad = ([i for i, each in enumerate(found) if bool(each.problem) is wanted] for wanted in (False, True))
        if not bad:
            return part
        if not good:
            raise ValueError(f"data={self.name}: none of the {len(part):,} images in {part.folder} can be read")
        names = sorted(os.path.relpath(os.fsdecode(part.files[i]), part.folder) for i in bad)
        more = f" and {len(bad) - MOST_NAMED:,} more" if len(bad) > MOST_NAMED else ""
        note = (
            f"data={self.name}: left out {len(bad):,} of {len(part):,} images in {part.folder}, which can't be read: "
            f"{', '.join(names[:MOST_NAMED])}{more}; --check-data gives the reasons"
        )
        return replace(part.take(torch.tensor(good)), note="; ".join(filter(None, (part.note, note))))

    def examine(self, part: ImageFiles) -> list[Examined]:
        """What each file is; all are decoded. A bar shows the progress in a terminal, after some seconds."""
        from tqdm import tqdm

        with ThreadPoolExecutor(part.num_workers or 1) as pool:
            found = pool.map(part.examined, range(len(part)))
            return list(tqdm(found, f"decoding {part.folder}", len(part), leave=False, delay=5, disable=None))

    def check(self) -> Iterator[Checked]:
        """A line for each part, with what is converted, and for each image that can't be read; all are decoded."""
        for name, part in zip(PARTS, replace(self, on_error="raise").read(), strict=True):  # so listed alone
            found = self.examine(part)
            problems = [each.problem for each in found if each.problem]
            is_left_out = self.on_error == "skip" and len(problems) < len(part)
            for problem in problems:
                yield Checked(name, content=f"left out, {problem}") if is_left_out else Checked(name, problem=problem)
            size = sum(os.path.getsize(file) for file in part.files if os.path.exists(file))
            shown = self.without_unreadable(part, found) if is_left_out else part
            yield Checked(part.folder, size, content=f"{len(shown):,} images", labels=shown.y, classes=self.classes)
            yield from (Checked(name, content=line) for line in [*kinds(found), part.note] if line)

    def note(self, folder: Path, hidden: list[str]) -> str:
        count = f"{len(hidden)} hidden file{'s' if len(hidden) > 1 else ''} or folder{'s' if len(hidden) > 1 else ''}"
        return f"data={self.name}: left out {count} in {folder}, such as {min(hidden)}" if hidden else ""


def class_files(folder: str, endings: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The images below a class's folder, folder by folder, sorted, and the hidden files there.

    Links are followed, but not to a folder above the class's, nor to one that was met before.
    """
    images, hidden, met = [], [], {str(parent) for parent in Path(os.path.realpath(folder)).parents}
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if (real := os.path.realpath(place)) in met:
            folders.clear()
            continue
        met.add(real)
        is_visible = not any(map(is_hidden, place[len(folder) :].split(os.sep)))
        for name in names:
            path = os.path.join(place, name)
            if not is_visible or is_hidden(name):
                hidden.append(path)
            elif name.lower().endswith(endings):
                images.append((place, path))
    return [path for _, path in sorted(images)], hidden


def kinds(found: list[Examined]) -> list[str]:
    """Lines on files that are read as other than they are."""
    counts = Counter(each.kind for each in found if each.kind)
    turned = sum(each.is_turned for each in found)
    converted = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
    lines = [f"converted to RGB of 8 bits: {converted}"] if converted else []
    return lines + ([f"EXIF asks for a rotation, which is not applied: {turned:,}"] if turned else [])


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_hidden(name: str) -> bool:
    """Whether a file or folder is a system's or an editor's own: .ipynb_checkpoints, ._0.jpg, .DS_Store, Thumbs.db."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini", "__macosx", "@eadir")
