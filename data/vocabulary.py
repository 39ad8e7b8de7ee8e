"""Vocabularies: the tokens of a text by character, byte or word, and their numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Unit = Literal["char", "byte", "word"]

UNKNOWN = "<unk>"
END_OF_LINE = "<eos>"
WORD = re.compile(r"<\w+>|\w+(?:['’]\w+)*|[^\w\s]")  # a tag such as <unk>, a word with its apostrophes, a sign


def cut(content: str | bytes, unit: Unit, is_tokenized: bool = False) -> list[str] | bytes:
    """The tokens of a text. content: bytes for unit "byte". is_tokenized: words are what spaces separate.

    By word, every line ends with <eos>, empty ones too.
    """
    if unit != "word":
        return content if isinstance(content, bytes) else list(content)
    assert isinstance(content, str)
    lines = content.split("\n")
    if not lines[-1]:
        lines.pop()  # the text ends with a line's end
    words: list[str] = []
    for line in lines:
        words += line.split() if is_tokenized else WORD.findall(line)
        words.append(END_OF_LINE)
    return words


@dataclass(frozen=True)
class Vocabulary:
    """tokens: by number, the most frequent first. By byte they are the 256 bytes; otherwise <unk> is among them."""

    unit: Unit
    tokens: tuple[str | bytes, ...]
    is_tokenized: bool = False

    @classmethod
    def of(cls, tokens: Iterable[str | int], unit: Unit, min_count: int = 1, is_tokenized: bool = False) -> Vocabulary:
        """The vocabulary of training tokens. min_count: rarer ones are <unk>."""
        if unit == "byte":
            return cls(unit, tuple(bytes([value]) for value in range(256)))
        counts = Counter(tokens)
        kept = sorted(
            (str(each) for each, n in counts.items() if n >= min_count), key=lambda each: (-counts[each], each)
        )
        return cls(unit, tuple(kept if UNKNOWN in kept else [*kept, UNKNOWN]), is_tokenized)

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def numbers(self) -> dict[str | bytes, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    def ids(self, tokens: Sequence[str] | bytes) -> Tensor:
        """The numbers (tokens,) in the smallest type that holds them; unknown tokens get that of <unk>."""
        import numpy
        import torch

        kind = numpy.uint8 if len(self) <= 256 else numpy.int32
        if isinstance(tokens, bytes):
            return torch.from_numpy(numpy.frombuffer(tokens, kind).copy())
        unknown = self.numbers[UNKNOWN]
        return torch.from_numpy(numpy.fromiter((self.numbers.get(each, unknown) for each in tokens), kind, len(tokens)))

    def num_unknown(self, tokens: Sequence[str] | bytes) -> int:
        """Tokens that are not in the vocabulary; <unk> itself is where the text has it."""
        return 0 if isinstance(tokens, bytes) else sum(each not in self.numbers for each in tokens)

    def encode(self, text: str) -> Tensor:
        """The numbers of a text, int64 (tokens,)."""
        return self.ids(cut(text.encode() if self.unit == "byte" else text, self.unit, self.is_tokenized)).long()

    def decode(self, ids: torch.Tensor | Iterable[int]) -> str:
        """The text of token numbers: words with a space between, lines' ends as such, invalid bytes as "\\ufffd"."""
        found = [self.tokens[int(number)] for number in ids]
        if self.unit == "byte":
            return b"".join(each for each in found if isinstance(each, bytes)).decode("utf-8", "replace")
        if self.unit == "char":
            return "".join(map(str, found))
        return re.sub(" ?\n ?", "\n", " ".join("\n" if each == END_OF_LINE else str(each) for each in found))
