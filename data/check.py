"""What `--check-data` reports of a data set: each of its files, or each part of samples that lie in no files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NOT_DOWNLOADED = "--check-data downloads nothing"
MOST_COUNTS = 10  # classes whose counts are printed one by one


def md5_of(content: bytes) -> str:
    """The checksum of a file's content, as data sets publish it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Checked:
    """One file, folder or part of samples, and what was found in it.

    published: whether the checksum is the published one; None where none is published. labels: integers (n,), of which
    `classes` values are possible. problem: why a run would refuse it.
    """

    name: str
    num_bytes: int | None = None
    md5: str = ""
    published: bool | None = None
    content: str = ""
    labels: Tensor | None = None
    classes: int = 0
    problem: str = ""

    def line(self) -> str:
        if self.problem:
            return self.problem if self.name in self.problem else f"{self.name}: {self.problem}"
        size = [] if self.num_bytes is None else [f"{self.num_bytes:,} bytes"]
        content = [self.content] if self.content else []
        return f"{self.name}: {', '.join(size + self.checksum() + content + self.counts())}"

    def checksum(self) -> list[str]:
        if not self.md5:
            return []
        verdict = {True: "the published file", False: "not the published file", None: "no published checksum"}
        return [f"{verdict[self.published]} (MD5 {self.md5})"]

    def counts(self) -> list[str]:
        """The labels' range and how many samples each class has."""
        if self.labels is None or not len(self.labels):
            return []
        counts = self.labels.bincount(minlength=self.classes).tolist()
        each = (
            f"class counts {' '.join(map(str, counts))}"
            if len(counts) <= MOST_COUNTS
            else f"{min(counts):,} to {max(counts):,} in each of {len(counts):,} classes"
        )
        return [f"labels {int(self.labels.min())} to {int(self.labels.max())}", each]


def missing_files(name: str, absent: str, download: str, places: str, formats: str) -> str:
    """The one line for files that are missing: which, and the three ways to have them.

    download: where a run gets them from, and why it did not. places: folders that were searched. formats: those read.
    """
    return (
        f"data={name}: files are missing: {absent}. (1) Download: {download}. "
        f"(2) data.root=FOLDER or $DATA_ROOT: where they are already; searched: {places}. "
        f"(3) Put them there, in any of the formats that are read: {formats}. task=digits needs no files."
    )
