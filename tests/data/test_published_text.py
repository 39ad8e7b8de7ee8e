"""Texts of files with checksums, and the one that comes with the requirements; downloads are from files of the test."""

import hashlib
import os
import zipfile

import pytest

from data.check import md5_of
from data.docstrings import PINNED_MD5, Docstrings, paragraphs
from data.ptb import PennTreebank
from data.published_text import TextFile
from data.shakespeare import Shakespeare
from data.wikitext2 import WikiText2

WORDS = {"train": " the cat sat on <unk> \n \n a dog \n", "valid": " a cow \n", "test": " the dog \n"}


def files_of(kind, content):
    """The class's files with the checksums of the test's contents."""
    sums = [
        hashlib.new(file.algorithm, each.encode()).hexdigest() for file, each in zip(kind.files, content, strict=True)
    ]
    return tuple(TextFile(file.names, file.algorithm, each) for file, each in zip(kind.files, sums, strict=True))


def test_ptb_is_read_from_files_that_the_user_brings(tmp_path, monkeypatch):
    data = PennTreebank(root=str(tmp_path), context=2)
    data.validate()
    with pytest.raises(FileNotFoundError, match=r"ptb.valid.txt, .*Linguistic Data Consortium.*penn") as error:
        data.load()
    assert "\n" not in str(error.value) and os.listdir(tmp_path) == []
    (tmp_path / "penn").mkdir()
    for part, content in WORDS.items():
        (tmp_path / "penn" / f"{part}.txt").write_text(content)
    corpus = data.corpus()
    words = ("<eos>", "<unk>", "a", "cat", "dog", "on", "sat", "the")
    assert corpus.vocabulary.tokens == words and data.classes == 8
    assert [corpus.vocabulary.decode(part) for part in corpus.parts] == [
        "the cat sat on <unk>\n\na dog\n",
        "a <unk>\n",
        "the dog\n",
    ]
    assert corpus.unknown == (0, 1, 0)
    assert "not the published files" in data.load().notes[0]
    assert [each.published for each in data.check()] == [False, False, False, None]
    monkeypatch.setattr(PennTreebank, "files", files_of(PennTreebank, WORDS.values()))
    assert "not the published" not in data.load().notes[0]
    assert [each.published for each in data.check()] == [True, True, True, None]
    with pytest.raises(ValueError, match="leave val_fraction and test_fraction out"):
        PennTreebank(val_fraction=0.2).validate()


def test_downloads_are_whole_and_have_the_published_checksums(tmp_path, monkeypatch):
    source = tmp_path / "wikitext-2-v1.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for part, content in WORDS.items():
            archive.writestr(f"wikitext-2/wiki.{part}.tokens", content)
    root, urls = tmp_path / "root", ((tmp_path / "none.zip").as_uri(), source.as_uri())
    monkeypatch.setattr(WikiText2, "urls", urls)
    data = WikiText2(root=str(root))
    with pytest.raises(FileNotFoundError, match="--check-data downloads nothing"):
        next(data.check())
    with pytest.raises(FileNotFoundError, match=r"none.zip.*not the published wiki.train.tokens") as error:
        data.fetch()
    assert "\n" not in str(error.value) and not root.exists()
    monkeypatch.setattr(WikiText2, "files", files_of(WikiText2, WORDS.values()))
    assert [path.name for path in data.fetch()] == [f"wiki.{part}.tokens" for part in WORDS]
    assert os.listdir(root) == ["wikitext-2"] and len(os.listdir(root / "wikitext-2")) == 3
    source.unlink()
    assert data.classes == 8

    text = tmp_path / "input.txt"
    text.write_text("To be or not to be\n")
    monkeypatch.setattr(Shakespeare, "urls", (text.as_uri(),))
    monkeypatch.setattr(Shakespeare, "files", files_of(Shakespeare, ["To be or not to be\n"]))
    assert Shakespeare(root=str(root)).fetch() == [root / "shakespeare" / "input.txt"]


def test_paragraphs_are_sentences():
    docstring = """Solve a linear system of equations by one of the methods that are named below.

Parameters
----------
method : str
    Name of the method by which the system is solved, as `solve` has it.
    ``None`` is the first.
Solutions are found by the following code, of which none is a sentence.

>>> Solve this and that and the other and more and more of it too.
"""
    assert [each[:8] for each in paragraphs(docstring)] == ["Solve a ", "Name of ", "Solution"]


@pytest.mark.slow
def test_docstrings_are_the_same_everywhere():
    data = Docstrings()
    data.validate()
    (source,) = data.sources()
    if data.versions() == {"scipy": "1.17.1", "scikit-learn": "1.9.1"}:
        assert md5_of(source.content) == PINNED_MD5
    text = source.content.decode("ascii")
    lines = text.splitlines()
    assert len(text) > 1_000_000 and len(lines) == len(set(lines)) > 8000
    assert "docstrings of scipy" in source.name and data.decode(data.encode(text[:500])) == text[:500]
