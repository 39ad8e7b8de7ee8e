"""Texts as streams of tokens, and the data set of the user's own files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from data.check import Checked, md5_of
from data.dataset import DataSet, Limits
from data.samples import Samples
from data.tokens import JITTER_SD, Stream, Windows
from data.vocabulary import UNKNOWN, Unit, Vocabulary, cut

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("train", "val", "test")


class Source(NamedTuple):
    """A text's name, in messages, and its bytes."""

    name: str
    content: bytes


class Corpus(NamedTuple):
    """A text's vocabulary, the numbers of its tokens, and how many of them are unknown, for train, val and test."""

    vocabulary: Vocabulary
    parts: tuple[Tensor, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TextData(DataSet):
    """Base of the texts. A subclass gives `sources`: one, which is cut in three, or those of train, val and test.

    One text is cut in contiguous parts: test is its last `test_fraction`, validation the last `val_fraction` of the
    rest, and what is before them trains. With split=test the rest trains and test validates too.

    The vocabulary is that of the training part; other tokens of validation and test are <unk>, which they then have to
    be predicted as, and counted in a note. Text is UTF-8, and a line's end is "\n" however the file writes it; by byte
    it is taken as it is.
    """

    has_tokens: ClassVar[bool] = True
    is_tokenized: ClassVar[bool] = False  # whether words are what spaces separate

    split: Literal["first", "test"] = "first"
    unit: Unit = "char"
    context: int = field(default=64, metadata={"range": "[1, inf)"})  # tokens of a window, or of a stream's pieces
    cut: Literal["windows", "stream"] = "windows"
    jitter: bool = False  # of a stream's lengths in training
    min_count: int = field(default=1, metadata={"range": "[1, inf)"})  # tokens that training has less often are <unk>
    val_columns: int = field(default=10, metadata={"range": "[1, inf)"})  # of a stream
    test_columns: int = field(default=1, metadata={"range": "[1, inf)"})
    test_fraction: float = field(default=0.1, metadata={"range": "(0, 1)"})

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.context,)

    @property
    def longest(self) -> int:
        """Tokens of the longest input: those of a jittered piece are all but never beyond 6 standard deviations."""
        return self.context + int(6 * JITTER_SD) if self.jitter else self.context

    @property
    def classes(self) -> int:
        """Tokens of the vocabulary, for which the text is read."""
        return 256 if self.unit == "byte" else len(self.corpus().vocabulary)

    def validate(self) -> None:
        super().validate()
        if self.normalize or self.augment != "none" or self.split_seed:
            raise ValueError(
                f"data={self.name} is a text, cut in order: leave data.normalize, data.augment and data.split_seed out"
            )
        if self.cut == "stream" and self.shuffle:
            raise ValueError("data.cut=stream goes through the text in its order; set data.shuffle=false")
        if self.jitter and self.cut != "stream":
            raise ValueError("data.jitter=true varies the lengths of data.cut=stream, and data.cut is windows")
        if self.unit == "byte" and self.min_count > 1:
            raise ValueError(f"data.min_count={self.min_count}: data.unit=byte knows every byte; leave it out")

    @property
    def one_process_only(self) -> str:  # type: ignore[override]
        if self.cut == "windows":
            return ""
        return "data.cut=stream has a batch's columns go on from the last one in the network of one process"

    def vocabulary(self) -> tuple[str | bytes, ...]:
        """The tokens by their number."""
        return self.corpus().vocabulary.tokens

    def encode(self, text: str) -> Tensor:
        """The numbers of a text's tokens, int64 (tokens,); unknown ones get that of <unk>."""
        return self.corpus().vocabulary.encode(text)

    def decode(self, ids: Tensor) -> str:
        return self.corpus().vocabulary.decode(ids)

    def sources(self) -> tuple[Source, ...]:
        """One text, or those of train, val and test; raise FileNotFoundError or ValueError saying what to do."""
        raise NotImplementedError

    def corpus(self) -> Corpus:
        return self.tokenized(self.sources())

    def tokenized(self, sources: tuple[Source, ...]) -> Corpus:
        fractions = None if len(sources) > 1 else (self.val_fraction, self.test_fraction)
        return tokenized(sources, self.unit, self.min_count, self.is_tokenized, fractions, self.split == "test")

    def load(self, limits: Limits = (None, None, None), batch_size: int = 1) -> Samples:
        sources = self.sources()
        corpus = self.tokenized(sources)
        train, val, test = (
            self.part(name, each, limit, batch_size)
            for name, each, limit in zip(PARTS, corpus.parts, limits, strict=True)
        )
        return Samples(train, val, test, notes=(self.note(sources, corpus),))

    def part(self, name: str, tokens: Tensor, limit: int | None, batch_size: int) -> Windows | Stream:
        """A part of the samples; ValueError where it is too short."""
        too_short = (
            f"data={self.name}: the {len(tokens):,} tokens of {name} are too few for data.context={self.context}"
        )
        if self.cut == "windows":
            windows = Windows(tokens, self.context, shifts=name == "train")
            if windows.num_windows < 1:
                raise ValueError(f"{too_short}: at most {self.longest_context(name, len(tokens))} has a window")
            return windows.limited(limit)
        columns = {"train": batch_size, "val": self.val_columns, "test": self.test_columns}[name]
        key = "batch_size" if name == "train" else f"data.{name}_columns"
        if len(tokens) // columns < self.context + 1:
            raise ValueError(
                f"{too_short} in {key}={columns} columns of {len(tokens) // columns}: one more than the context in each"
            )
        try:
            return Stream.of(tokens, columns, self.context, self.jitter and name == "train").limited(limit)
        except ValueError as error:
            raise ValueError(f"limit_{name}={limit}: {error} ({key}={columns})") from None

    def longest_context(self, name: str, num_tokens: int) -> int:
        return max(0, num_tokens // 2 if name == "train" else num_tokens - 1)

    def note(self, sources: tuple[Source, ...], corpus: Corpus) -> str:
        """A line on what was read."""
        sizes = ", ".join(f"{len(part):,} {name}" for name, part in zip(PARTS, corpus.parts, strict=True))
        unknown = "; ".join(f"{n:,} unknown in {name}" for name, n in zip(PARTS, corpus.unknown, strict=True) if n)
        counted = "" if self.unit == "byte" else f"; {unknown} ({UNKNOWN})" if unknown else "; none unknown"
        md5 = ", ".join(md5_of(source.content) for source in sources)
        types = len(corpus.vocabulary)
        return f"data={self.name}: {types:,} types by {self.unit}; tokens: {sizes}{counted}; MD5 {md5}"

    def check(self) -> Iterator[Checked]:
        """A line for each text, and one of what its tokens are."""
        sources = self.sources()
        for source in sources:
            yield self.checked(source)
        corpus = self.tokenized(sources)
        yield Checked("tokens", content=self.note(sources, corpus).partition(": ")[2].rpartition("; MD5")[0])

    def checked(self, source: Source) -> Checked:
        return Checked(source.name, len(source.content), md5_of(source.content))


@lru_cache(maxsize=1)
def tokenized(
    sources: tuple[Source, ...],
    unit: Unit,
    min_count: int,
    is_tokenized: bool,
    fractions: tuple[float, float] | None,
    validate_on_test: bool,
) -> Corpus:
    """Kept, since a run asks for the text's vocabulary more than once. fractions: of val and test, of one text."""
    texts = [cut(decoded(source, unit), unit, is_tokenized) for source in sources]
    train, val, test = texts if fractions is None else split(texts[0], *fractions)
    if validate_on_test:
        train, val = train + val, test  # type: ignore[operator]
    vocabulary = Vocabulary.of(train, unit, min_count, is_tokenized)
    parts = train, val, test
    return Corpus(vocabulary, tuple(map(vocabulary.ids, parts)), tuple(map(vocabulary.num_unknown, parts)))


def split(tokens: list[str] | bytes, val_fraction: float, test_fraction: float) -> tuple:
    """Contiguous parts for train, val and test."""
    end = int(len(tokens) * (1 - test_fraction))
    middle = int(end * (1 - val_fraction))
    return tokens[:middle], tokens[middle:end], tokens[end:]


def decoded(source: Source, unit: Unit) -> str | bytes:
    """The text of a file, by byte its bytes. Raises ValueError for one that is empty or not UTF-8."""
    if not source.content.strip():
        raise ValueError(f"{source.name} is empty")
    if unit == "byte":
        return source.content
    try:
        text = source.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{source.name} is not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start} (line {line}); "
            "data.unit=byte takes any"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, kw_only=True)
class Text(TextData):
    """The user's text: a file, all files below a folder (but hidden ones), or those that a pattern names, in the order
    of their names."""

    name: ClassVar[str] = "text"

    path: str = ""  # as seen from here or from data.root: FILE, FOLDER or a pattern such as 'books/*.txt'

    def validate(self) -> None:
        super().validate()
        if not self.path:
            raise ValueError(f"data={self.name} needs data.path=FILE, FOLDER or a pattern such as 'books/*.txt'")

    def versions(self) -> dict[str, str]:
        (source,) = self.sources()
        return {"content of data.path": md5_of(source.content)}

    def sources(self) -> tuple[Source, ...]:
        files = self.files()
        if len(files) == 1:
            return (Source(str(files[0]), files[0].read_bytes()),)
        contents = [Source(str(file), file.read_bytes()) for file in files]
        for each in contents:
            decoded(each, self.unit)  # names the file that can't be
        joined = b"".join(each.content if each.content.endswith(b"\n") else each.content + b"\n" for each in contents)
        return (Source(f"{self.path} ({len(files):,} files)", joined),)

    def files(self) -> list[Path]:
        """The files that `path` names, sorted; FileNotFoundError where there are none."""
        path = os.path.expanduser(self.path)
        for place in (path, os.path.join(self.folder(), path)):
            if found := files_at(place):
                return found
        raise FileNotFoundError(
            f"data={self.name}: data.path={self.path} names no file, seen from here or from {self.folder()}"
        )


def files_at(path: str) -> list[Path]:
    """Files that a file's name, a folder's or a pattern stands for, in the order of their names on every system."""
    if os.path.isfile(path):
        return [Path(path)]
    if os.path.isdir(path):
        path = os.path.join(glob.escape(path), "**")
    found = {Path(each) for each in glob.glob(path, recursive=True) if os.path.isfile(each)}
    return sorted(found, key=lambda each: each.as_posix())
