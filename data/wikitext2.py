"""WikiText-2: articles of Wikipedia, by words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from data.published_text import TextFile, TokenizedText


@dataclass(frozen=True, kw_only=True)
class WikiText2(TokenizedText):
    """Good and featured articles of Wikipedia (Merity, Xiong, Bradbury and Socher, "Pointer Sentinel Mixture Models",
    ICLR 2017), by words, with case and punctuation, under the licence CC BY-SA 3.0.

    The checksums are the SHA-1 of the files, as in dmlc/gluon-nlp (gluonnlp/data/corpora/wikitext.py). The first place
    of the zip file is that of an author of the paper; the second, the original one, is said not to answer any more.
    """

    name: ClassVar[str] = "wikitext2"
    files: ClassVar[tuple[TextFile, ...]] = (
        TextFile(("wiki.train.tokens", "train.txt"), "sha1", "863f29c46ef9d167fff4940ec821195882fe29d1"),
        TextFile(("wiki.valid.tokens", "valid.txt"), "sha1", "0418625c8b4da6e4b5c7a0b9e78d4ae8f7ee5422"),
        TextFile(("wiki.test.tokens", "test.txt"), "sha1", "c7b8ce0aa086fb34dab808c5c49224211eb2b172"),
    )
    folders: ClassVar[tuple[str, ...]] = ("wikitext-2", "wikitext2")
    urls: ClassVar[tuple[str, ...]] = (
        "https://wikitext.smerity.com/wikitext-2-v1.zip",
        "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
    )
