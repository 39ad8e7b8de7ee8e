"""Tiny Shakespeare, the text of char-rnn and nanoGPT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from data.published_text import PublishedText, TextFile


@dataclass(frozen=True, kw_only=True)
class Shakespeare(PublishedText):
    """1,115,394 characters of Shakespeare's plays (Karpathy, char-rnn, 2015), which are in the public domain.

    The checksum is the SHA-256 of the file in karpathy/char-rnn at commit 6f9487a. nanoGPT trains on its first 90 % and
    validates on the rest, as data.split=test does.
    """

    name: ClassVar[str] = "shakespeare"
    files: ClassVar[tuple[TextFile, ...]] = (
        TextFile(
            ("input.txt", "tinyshakespeare.txt"),
            "sha256",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        ),
    )
    folders: ClassVar[tuple[str, ...]] = ("shakespeare", "tinyshakespeare")
    urls: ClassVar[tuple[str, ...]] = (
        "https://raw.githubusercontent.com/karpathy/char-rnn/"
        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
    )
