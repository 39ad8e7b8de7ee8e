import gzip
import hashlib
import os

import pytest
import torch
from conftest import idx_bytes, write_mnist

from data.mnist import CHECKSUMS, FILES, MNIST, FashionMNIST


@pytest.fixture
def offline(monkeypatch):
    """torchvision's download fails at once, as it does without a network."""
    import torchvision.datasets.mnist

    def refuse(url, download_root, **kwargs):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried mirror after mirror")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", refuse)


def check_equal(samples, arrays):
    assert torch.equal(samples.test.x.squeeze(1), torch.from_numpy(arrays[FILES[2]].astype("uint8")))
    assert torch.equal(samples.test.y, torch.from_numpy(arrays[FILES[3]]).long())
    assert samples.train.x.dtype == torch.uint8 and samples.train.x.shape[1:] == (1, 28, 28)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("layout", ["", "FashionMNIST/raw", "fashion_mnist"])
def test_files_are_found_plain_or_gzipped_in_either_layout(tmp_path, gz, layout):
    arrays = write_mnist(tmp_path / layout, gz=gz)
    samples = FashionMNIST(root=str(tmp_path)).load()
    check_equal(samples, arrays)
    assert (len(samples.train), len(samples.val)) == (54, 6)


def test_read_only_folder_is_enough(tmp_path):
    arrays = write_mnist(tmp_path, gz=True)
    tmp_path.chmod(0o555)
    before = sorted(os.listdir(tmp_path))
    check_equal(MNIST(root=str(tmp_path)).load(), arrays)
    assert sorted(os.listdir(tmp_path)) == before


def test_equal_to_torchvisions_reader(tmp_path):
    from torchvision import datasets

    write_mnist(tmp_path / "MNIST" / "raw")
    theirs = datasets.MNIST(str(tmp_path), train=True)
    ours = MNIST(root=str(tmp_path), split="first").load()
    assert torch.equal(torch.cat((ours.train.x, ours.val.x)).squeeze(1), theirs.data)
    assert torch.equal(torch.cat((ours.train.y, ours.val.y)), theirs.targets)
    image, _ = datasets.MNIST(str(tmp_path), train=True, transform=to_tensor())[0]
    assert torch.equal(ours.prepare(ours.train.x[:1])[0], image)


def to_tensor():
    from torchvision.transforms import ToTensor

    return ToTensor()


def test_torchvision_downloads_what_is_missing(tmp_path, monkeypatch):
    """The class is asked to download into data.root, and what it leaves there is read."""
    import torchvision.datasets.mnist

    arrays = {}

    def fetch(url, download_root, filename, md5):
        assert len(md5) == 32  # a checksum goes with every file
        if not arrays:
            arrays.update(write_mnist(tmp_path / "MNIST" / "raw"))

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fetch)
    check_equal(MNIST(root=str(tmp_path)).load(), arrays)


def test_offline_message_says_what_where_and_what_instead(tmp_path, offline):
    with pytest.raises(FileNotFoundError) as error:
        FashionMNIST(root=str(tmp_path / "none")).load()
    message = str(error.value)
    for word in (
        *FILES,
        "FashionMNIST/raw",
        "(1) Download",
        "http://",
        "(2) data.root=FOLDER or $DATA_ROOT",
        "(3) Put",
        ".gz",
        "task=digits",
        "Error downloading",
    ):
        assert word in message
    assert "\n" not in message
    assert not (tmp_path / "none").exists()  # nothing is left behind


def test_only_the_missing_files_are_named(tmp_path, offline):
    write_mnist(tmp_path)
    (tmp_path / FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=r"missing: t10k-labels-idx1-ubyte\.") as error:
        MNIST(root=str(tmp_path)).load()
    assert FILES[0] not in str(error.value).partition("(1) Download")[0]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (FILES[0] + ".gz", b"no gzip at all"),
        (FILES[0] + ".gz", gzip.compress(b"\0\0\x08\x03", mtime=0)[:-9]),
        (FILES[0], b"\1\2\3\4"),
        (FILES[0], b"\0\0\x08\x03\0\0\0\2\0\0\0\x1c\0\0\0\x1c" + b"\0" * 100),
        (FILES[1], b"\0\0\x08\x01\0\0\0\3" + b"\1\2\3"),
        (FILES[1], b"\0\0\x08\x01\0\0\0\x3c" + b"\x0b" * 60),
    ],
)
def test_damaged_files_are_named(tmp_path, file, content):
    write_mnist(tmp_path)
    (tmp_path / file.removesuffix(".gz")).unlink()
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ValueError, match=file):
        MNIST(root=str(tmp_path)).load()


def test_root_comes_from_the_environment(tmp_path, monkeypatch):
    arrays = write_mnist(tmp_path)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    check_equal(MNIST().load(), arrays)


@pytest.mark.parametrize("files", [FILES, FILES[3:]])
def test_files_of_the_other_data_set_are_refused(tmp_path, monkeypatch, files):
    """By checksum, plain or gzipped, all files or one that was mixed in."""
    arrays = write_mnist(tmp_path, gz=True)
    monkeypatch.setitem(CHECKSUMS, "mnist", [md5(arrays, file) if file in files else "" for file in FILES])
    with pytest.raises(
        ValueError, match=rf"data=fashion_mnist: .*{files[0]}\.gz is a file of mnist; choose data=mnist"
    ):
        FashionMNIST(root=str(tmp_path)).load()
    notes = MNIST(root=str(tmp_path)).load().notes
    assert len(notes) == (files != FILES) and not any(file in note for note in notes for file in files)


def md5(arrays, file):
    return hashlib.md5(idx_bytes(arrays[file])).hexdigest()


def test_files_of_neither_are_read_with_a_line(tmp_path):
    write_mnist(tmp_path)
    (note,) = MNIST(root=str(tmp_path)).load().notes
    assert all(file in note for file in FILES) and str(tmp_path) in note and "\n" not in note
