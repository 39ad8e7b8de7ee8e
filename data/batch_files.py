"""Data sets of a few files, each of images with their labels (CIFAR, downsampled ImageNet), in one of several formats.

Files are looked for in folders below `data.root` and in `data.root` itself, which may be read-only. They are told by
their checksums. Pickles are opened only if they are the published ones, since unpickling runs what a file says; files
of other formats are read also if they are not, with a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.check import NOT_DOWNLOADED, Checked, md5_of, missing_files
from data.dataset import DataSet
from data.samples import Part

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


class PublishedFile(NamedTuple):
    """records: how many images the published file has; 0 where the checksum alone decides."""

    name: str
    md5: str
    records: int = 0


@dataclass(frozen=True)
class FileFormat:
    """One of the formats in which a data set's files come.

    folders: below `data.root`, in which files are looked for before `data.root` itself. train, test: in the samples'
    order. read: a path and its content become uint8 pixels (n, values) and integer labels (n,) from 0; it raises
    ValueError for a damaged file. pickled: reading runs code that the file names.
    """

    title: str
    folders: tuple[str, ...]
    train: tuple[PublishedFile, ...]
    test: tuple[PublishedFile, ...]
    read: Callable[[Path, bytes], tuple[Array, Array]]
    pickled: bool = False

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        return self.train + self.test

    def describe(self) -> str:
        names = [file.name for file in self.files]
        return f"{self.title} ({', '.join(names) if len(names) < 3 else f'{names[0]} ... {names[-1]}'})"


class BatchFile(NamedTuple):
    """A file's content: pixels (n, values), labels (n,) from 0."""

    pixels: Array
    labels: Array
    md5: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class BatchFiles(DataSet):
    """Base of the data sets of such files."""

    def formats(self) -> tuple[FileFormat, ...]:
        """The formats that are read; of several whose files are there, the first."""
        raise NotImplementedError

    def download(self) -> str | None:
        """Download what is missing; return None, or in a few words why that failed."""
        raise NotImplementedError

    def origin(self) -> str:
        """Where the files come from."""
        raise NotImplementedError

    def archive(self) -> str:
        """A format that is unpacked into another one, as a further item for the message on missing files."""
        return ""

    def read(self) -> tuple[Part, Part]:
        chosen, paths = self.fetch()
        num_train = len(chosen.train)
        train, others = self.read_part(chosen, paths[:num_train], chosen.train)
        test, more = self.read_part(chosen, paths[num_train:], chosen.test)
        if others := [*others, *more]:
            where = ", ".join(sorted({str(path.parent) for path in paths}))
            note = f"data={self.name}: not the published files, by their checksums: {', '.join(others)} in {where}"
            train = replace(train, note=note)
        return train, test

    def fetch(self) -> tuple[FileFormat, list[Path]]:
        """Download what is missing; return the format and its files."""
        found = self.find()
        if found is None:
            failure = self.download()
            found = self.find()
            if found is None:
                raise FileNotFoundError(self.missing(failure or "the download left them out"))
        return found

    def find(self) -> tuple[FileFormat, list[Path]] | None:
        """The first format of which all files are there."""
        for each in self.formats():
            paths = self.existing(each)
            if len(paths) == len(each.files):
                return each, list(paths.values())
        return None

    def places(self, form: FileFormat) -> list[Path]:
        root = Path(self.folder())
        return [*(root / folder for folder in form.folders), root]

    def existing(self, form: FileFormat) -> dict[str, Path]:
        """The files that are there, by name."""
        candidates = ((file.name, place / file.name) for file in form.files for place in reversed(self.places(form)))
        return {name: path for name, path in candidates if path.is_file()}

    def missing(self, reason: str) -> str:
        """The line for missing files: those of the format that has the most files here."""
        forms = self.formats()
        nearest = max(forms, key=lambda form: len(self.existing(form)))
        found = self.existing(nearest)
        absent = [file.name for file in nearest.files if file.name not in found]
        folders = dict.fromkeys(folder for form in forms for folder in form.folders)
        return missing_files(
            self.name,
            ", ".join(absent) if len(absent) < 7 else f"{absent[0]} ... {absent[-1]} ({len(absent)} files)",
            f"{self.origin()}; {reason}",
            f"{self.folder()}, and in it {', '.join(folders)}",
            "; ".join([*(form.describe() for form in forms), *filter(None, [self.archive()])]),
        )

    def read_part(
        self, form: FileFormat, paths: list[Path], published: tuple[PublishedFile, ...]
    ) -> tuple[Part, list[str]]:
        """The samples of all files, and the names of those that are not the published ones."""
        import numpy
        import torch

        pixels, labels, others = numpy.empty((0, 0), numpy.uint8), [], []
        for path, known in zip(paths, published, strict=True):
            batch = self.read_file(form, path, known)
            start = len(pixels)
            # in place, since the parts of large data sets would not fit into memory twice
            pixels.resize((start + len(batch.pixels), batch.pixels.shape[1]), refcheck=False)
            pixels[start:] = batch.pixels
            labels.append(batch.labels)
            if batch.md5 != known.md5:
                others.append(describe_other(known, len(batch.labels)))
        y = torch.from_numpy(numpy.concatenate(labels).astype(numpy.int64))
        return Part(torch.from_numpy(pixels).reshape(-1, *self.shape), y), others

    def read_file(self, form: FileFormat, path: Path, known: PublishedFile) -> BatchFile:
        """One file's content. Raises ValueError for a damaged file, and for a pickle that is not the published one."""
        content = path.read_bytes()
        md5 = md5_of(content)
        if form.pickled and md5 != known.md5:  # before anything is unpickled
            raise ValueError(
                f"{path} is damaged or not the published file (its MD5 is {md5}, not {known.md5}), and a pickle is "
                "opened only if it is, since unpickling runs code; delete it and get it again"
            )
        pixels, labels = form.read(path, content)
        if len(labels) and not 0 <= labels.min() <= labels.max() < self.classes:
            worst = labels.max() if labels.min() >= 0 else labels.min()
            raise ValueError(f"{path} has a label {worst}; the classes are 0 to {self.classes - 1}")
        return BatchFile(pixels, labels, md5, len(content))

    def check(self) -> Iterator[Checked]:
        found = self.find()
        if found is None:
            raise FileNotFoundError(self.missing(NOT_DOWNLOADED))
        form, paths = found
        for path, known in zip(paths, form.files, strict=True):
            yield self.check_file(form, path, known)

    def check_file(self, form: FileFormat, path: Path, known: PublishedFile) -> Checked:
        import torch

        try:
            batch = self.read_file(form, path, known)
        except ValueError as error:
            return Checked(str(path), problem=str(error))
        count = f"{len(batch.labels):,} images"
        if known.records and len(batch.labels) != known.records:
            count += f" (published: {known.records:,})"
        labels = torch.from_numpy(batch.labels.astype("int64"))
        published = batch.md5 == known.md5
        return Checked(str(path), batch.num_bytes, batch.md5, published, count, labels, self.classes)


def describe_other(known: PublishedFile, records: int) -> str:
    """A file that is not the published one, with its number of images where that differs too."""
    return f"{known.name} ({records:,} images, not {known.records:,})" if records != known.records else known.name
