"""The Penn Treebank in the form in which word language models are compared on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from data.published_text import TextFile, TokenizedText


@dataclass(frozen=True, kw_only=True)
class PennTreebank(TokenizedText):
    """The Penn Treebank as prepared by Mikolov et al. ("Recurrent neural network based language model", Interspeech
    2010): lower case, no punctuation, numbers as N, 10,000 types with <unk> and <eos>. With an <eos> at each line's end
    it has 929,589 words for training, 73,760 for validation and 82,430 for test.

    The corpus is licensed by the Linguistic Data Consortium: nothing here has or downloads it, the user brings it.
    """

    name: ClassVar[str] = "ptb"
    files: ClassVar[tuple[TextFile, ...]] = (
        TextFile(("ptb.train.txt", "train.txt"), "md5", "f26c4b92c5fdc7b3f8c7cdcb991d8420"),
        TextFile(("ptb.valid.txt", "valid.txt"), "md5", "aa0affc06ff7c36e977d7cd49e3839bf"),
        TextFile(("ptb.test.txt", "test.txt"), "md5", "8b80168b89c18661a38ef683c0dc3721"),
    )
    folders: ClassVar[tuple[str, ...]] = ("ptb", "penn", "simple-examples/data")
    how_to_get: ClassVar[str] = (
        "The corpus is licensed by the Linguistic Data Consortium (LDC99T42), so a run does not download it: bring "
        "Mikolov's three files, which are data/ptb.*.txt of his simple-examples.tgz"
    )
