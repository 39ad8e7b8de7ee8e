"""Texts that are published as files with checksums: downloaded where their place is public, else brought."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

from data.check import NOT_DOWNLOADED, Checked
from data.download import TIMEOUT_S, brief, locked, move_files, temporary_folder
from data.text import Corpus, Source, TextData
from data.vocabulary import Unit


class TextFile(NamedTuple):
    """names: of the file, the first that of its download. checksum: in hexadecimal digits, by `algorithm`."""

    names: tuple[str, ...]
    algorithm: str
    checksum: str

    def is_published(self, content: bytes) -> bool:
        return hashlib.new(self.algorithm, content, usedforsecurity=False).hexdigest() == self.checksum

    def at(self, place: Path) -> Path | None:
        return next((place / name for name in self.names if (place / name).is_file()), None)


@dataclass(frozen=True, kw_only=True)
class PublishedText(TextData):
    """Base: one file, or those of train, val and test, in a folder of `data.root` or in `data.root` itself."""

    files: ClassVar[tuple[TextFile, ...]]
    folders: ClassVar[tuple[str, ...]]  # below data.root, where the files may be; a download goes into the first
    urls: ClassVar[tuple[str, ...]] = ()  # of the file or of a zip file with all; tried one after the other
    how_to_get: ClassVar[str] = ""  # where there are no `urls`

    def validate(self) -> None:
        super().validate()
        usual = {each.name: each.default for each in fields(self) if each.name in ("val_fraction", "test_fraction")}
        if len(self.files) > 1 and any(getattr(self, key) != value for key, value in usual.items()):
            raise ValueError(f"data={self.name} has files for validation and test; leave {' and '.join(usual)} out")

    def sources(self) -> tuple[Source, ...]:
        return tuple(Source(str(path), path.read_bytes()) for path in self.fetch())

    def fetch(self) -> list[Path]:
        """Download what is missing, if it can be; return the paths of `files`."""
        found = self.find()
        if found is None and self.urls:
            failure = download(self.name, self.urls, self.files, self.places()[0], lambda: bool(self.find()))
            found = self.find()
            if found is None:
                raise FileNotFoundError(self.missing(failure or "the download left them out"))
        if found is None:
            raise FileNotFoundError(self.missing(""))
        return found

    def places(self) -> tuple[Path, ...]:
        root = Path(self.folder())
        return *(root / folder for folder in self.folders), root

    def find(self) -> list[Path] | None:
        for place in self.places():
            paths = [file.at(place) for file in self.files]
            if all(paths):
                return [path for path in paths if path]
        return None

    def missing(self, reason: str) -> str:
        """One line: what is missing, and how to have it."""
        names = ", ".join(file.names[0] for file in self.files)
        get = f"a run downloads them from {' or '.join(self.urls)} ({reason})" if self.urls else self.how_to_get
        places = ", ".join(map(str, self.places()))
        return (
            f"data={self.name}: files are missing: {names}. (1) {get}. (2) Put them into one of these folders: "
            f"{places}; data.root=FOLDER or $DATA_ROOT names another one. data=docstrings needs no files."
        )

    def note(self, sources: tuple[Source, ...], corpus: Corpus) -> str:
        pairs = zip(sources, self.files, strict=True)
        others = [source.name for source, file in pairs if not file.is_published(source.content)]
        differing = f"; not the published files, by their checksums: {', '.join(others)}" if others else ""
        return super().note(sources, corpus) + differing

    def check(self) -> Iterator[Checked]:
        if self.find() is None:
            raise FileNotFoundError(self.missing(NOT_DOWNLOADED))
        yield from super().check()

    def checked(self, source: Source) -> Checked:
        file = next(each for each in self.files if Path(source.name).name in each.names)
        return replace(super().checked(source), published=file.is_published(source.content))


# Beside data/download.py, from which it has the lock, the temporary folder and the move: that file is part of the
# signature of every image set's runs, those of the committed records too, and a shared `download` would change them.
def download(
    name: str, urls: tuple[str, ...], files: tuple[TextFile, ...], place: Path, is_complete: Callable[[], bool]
) -> str | None:
    """Fetch the files into `place`: by one process at a time, whole files with the published checksums only.

    Returns None, or in a few words why it failed. is_complete: whether they are there by now, as after waiting for
    another process's download.
    """
    root, failures = place.parent, []
    created = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f".{name}.lock"):
            for url in urls:
                if is_complete():
                    break
                try:
                    with temporary_folder(root, name) as folder:
                        fetch(url, files, folder / "files")
                        move_files(folder / "files", place)
                except (OSError, ValueError, zipfile.BadZipFile) as error:
                    failures.append(brief(error))
    except OSError as error:
        failures.append(brief(error))
    finally:
        with contextlib.suppress(OSError):
            for folder in created:  # where they are still empty
                folder.rmdir()
    return f"the download failed: {'; '.join(failures)}" if failures else None


def fetch(url: str, files: tuple[TextFile, ...], folder: Path) -> None:
    """Download the file, or a zip file with all of them, into a new folder.

    Raises OSError, and ValueError for files that have not the published checksums.
    """
    folder.mkdir()
    archive = os.path.basename(url)
    print(f"Downloading {url}", file=sys.stderr)
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, open(folder / archive, "wb") as to:
        shutil.copyfileobj(response, to)
    if archive.endswith(".zip"):
        with zipfile.ZipFile(folder / archive) as content:
            for member in content.infolist():
                if any(os.path.basename(member.filename) in file.names for file in files):
                    with content.open(member) as source, open(folder / os.path.basename(member.filename), "wb") as to:
                        shutil.copyfileobj(source, to)
        (folder / archive).unlink()
    for file in files:
        path = file.at(folder)
        if path is None or not file.is_published(path.read_bytes()):
            raise ValueError(f"what {url} has is not the published {file.names[0]}")


@dataclass(frozen=True, kw_only=True)
class TokenizedText(PublishedText):
    """Base of texts in which spaces separate the words and <unk> stands for rare ones, for train, val and test."""

    is_tokenized: ClassVar[bool] = True

    unit: Unit = "word"
    context: int = field(default=70, metadata={"range": "[1, inf)"})
