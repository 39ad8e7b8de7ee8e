"""English sentences of the docstrings of SciPy and scikit-learn: a real text that needs no download.

Both packages are among requirements.txt and under the 3-clause BSD licence. Of the versions there the text is the same
on Linux, macOS and Windows and under Python 3.11 to 3.13: 1,058,525 characters in 8,110 paragraphs, 76 types of
characters, about as much as tiny Shakespeare. What else comes with Python and the requirements was weighed: Python's
manual (pydoc_data/topics.py) has 465,048 characters in Python 3.11.7 and 510,664 in 3.13.0, so that it differs from
user to user, and 18 % of it are repetitions; the sentences of the other packages' docstrings are fewer. The Brown
corpus and texts of Project Gutenberg come with none of the requirements.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from data.check import Checked, md5_of
from data.text import Source, TextData

PACKAGES = {"scipy": "scipy", "sklearn": "scikit-learn"}  # the folder, and the name to install by
PINNED_MD5 = "46fb06651d71e2dc2e0cc66cc0d3554f"  # of the versions in requirements.txt

DOCSTRING = re.compile(r'^[ \t]*[rR]?"""(.*?)"""', re.MULTILINE | re.DOTALL)
UNDERLINE = re.compile(r"[-=~^]{3,}")
PROSE = re.compile(r"[A-Z][A-Za-z0-9 .,;:'\"()?!%-]*[.?!]")
MARKUP = re.compile(r":\w+:|\.\.\.")
WORD = re.compile(r"[A-Za-z][a-z]{2,}")
OTHERS = re.compile(r"[^A-Za-z ]")
LETTERS = 0.92  # the least share of letters and spaces
SHORTEST = 60  # characters of a paragraph


@dataclass(frozen=True, kw_only=True)
class Docstrings(TextData):
    """The paragraphs that are English sentences: no code, tables, formulas or references. Each is one line, and stands
    once, at its first place. The docstrings are in an order that looks random (by their checksums), so that the three
    parts are of one kind."""

    name: ClassVar[str] = "docstrings"

    def sources(self) -> tuple[Source, ...]:
        return (Source(self.title(), read_docstrings()),)

    def title(self) -> str:
        return "docstrings of " + " and ".join(f"{name} {number}" for name, number in self.versions().items())

    def versions(self) -> dict[str, str]:
        return {package: installed(package) for package in PACKAGES.values()}

    def checked(self, source: Source) -> Checked:
        md5 = md5_of(source.content)
        known = "the text of the pinned versions" if md5 == PINNED_MD5 else "not the text of the pinned versions"
        return Checked(source.name, len(source.content), md5, content=known)


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise FileNotFoundError(f"data=docstrings reads {package}, which is missing: pip install {package}") from None


@cache
def read_docstrings() -> bytes:
    """The text, UTF-8, read once a process: it takes a second."""
    seen: set[str] = set()
    documents = []
    for folder in map(package_folder, PACKAGES):
        for file in sorted(folder.rglob("*.py"), key=lambda file: file.as_posix()):
            if "tests" in file.parts or file.name == "_distributor_init.py":  # which differs between systems
                continue
            for found in DOCSTRING.finditer(file.read_text(encoding="utf-8")):
                new = [each for each in paragraphs(inspect.cleandoc(found[1])) if each not in seen]
                seen.update(new)
                documents.append("".join(f"{each}\n" for each in dict.fromkeys(new)).encode())
    return b"".join(sorted(filter(None, documents), key=md5_of))


def package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"data=docstrings reads {name}, which is missing: pip install {PACKAGES[name]}")
    return Path(spec.origin).parent


def paragraphs(docstring: str) -> Iterator[str]:
    """The paragraphs that are sentences: lines of one indentation that follow each other, joined by spaces."""
    lines: list[str] = []
    indentation = 0
    for line in [*docstring.split("\n"), ""]:
        text, here = line.strip(), len(line) - len(line.lstrip())
        is_underline = bool(UNDERLINE.fullmatch(text))  # of a heading, which is the line before
        if lines and (not text or is_underline or here != indentation):
            paragraph = " ".join(" ".join(lines).replace("`", "").split())
            if not is_underline and is_prose(paragraph):
                yield paragraph
            lines = []
        if text and not is_underline:
            lines.append(text)
            indentation = here


def is_prose(paragraph: str) -> bool:
    if len(paragraph) < SHORTEST or not PROSE.fullmatch(paragraph) or MARKUP.search(paragraph):
        return False
    letters = len(paragraph) - len(OTHERS.findall(paragraph))
    return letters >= LETTERS * len(paragraph) and len(WORD.findall(paragraph)) >= 6
