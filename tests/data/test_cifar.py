import hashlib
import io
import os
import pickle
import pickletools
import tarfile

import numpy
import pytest
import torch
from conftest import write_cifar, write_cifar_binary

import data.cifar
from data.batch_files import PublishedFile
from data.cifar import CIFAR10, CIFAR100

TRAIN = [f"data_batch_{i}" for i in range(1, 6)]
KINDS = {10: (CIFAR10, "cifar-10-batches-py", TRAIN), 100: (CIFAR100, "cifar-100-python", ["train"])}


@pytest.fixture
def offline(monkeypatch):
    """torchvision's download fails at once, as it does without a network."""
    import torchvision.datasets.cifar

    def refuse(url, root, **kwargs):
        raise OSError("Name or service not known\nTried mirror after mirror")

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", refuse)


def check_equal(samples, arrays, train):
    """The training part in the files' order, then the test part."""
    for parts, files in (((samples.train, samples.val), train), ((samples.test,), sorted(set(arrays) - set(train)))):
        images = numpy.concatenate([arrays[file][0] for file in files])
        labels = sum((arrays[file][1] for file in files), [])
        assert torch.equal(torch.cat([part.x for part in parts]), torch.from_numpy(images))
        assert torch.cat([part.y for part in parts]).tolist() == labels


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("inside", [False, True])
def test_files_are_read_in_torchvisions_layout_and_in_the_root_itself(tmp_path, monkeypatch, classes, inside):
    kind, layout, train = KINDS[classes]
    arrays = write_cifar(tmp_path / layout, monkeypatch, classes)
    samples = kind(root=str(tmp_path / layout if inside else tmp_path), split="first").load()
    check_equal(samples, arrays, train)
    assert samples.train.x.dtype == torch.uint8 and samples.train.y.dtype == torch.int64
    assert len(samples.val) == len(train) * 6 and kind().classes == classes


@pytest.mark.parametrize("classes", [10, 100])
def test_equal_to_torchvisions_reader(tmp_path, monkeypatch, classes):
    from torchvision import datasets

    kind, layout, _ = KINDS[classes]
    write_cifar(tmp_path / layout, monkeypatch, classes)
    theirs = {10: datasets.CIFAR10, 100: datasets.CIFAR100}[classes]
    monkeypatch.setattr(theirs, "_load_meta", lambda self: None)  # the names of the classes: another file
    ours = kind(root=str(tmp_path), split="first").load()
    for train, parts in ((True, (ours.train, ours.val)), (False, (ours.test,))):
        other = theirs(str(tmp_path), train=train)
        assert torch.equal(torch.cat([part.x for part in parts]).permute(0, 2, 3, 1), torch.from_numpy(other.data))
        assert torch.cat([part.y for part in parts]).tolist() == other.targets


def test_the_test_files_are_written_as_python_2_wrote_the_true_ones(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    names = {opcode.name for opcode, _, _ in pickletools.genops((tmp_path / "test_batch").read_bytes())}
    assert {"SHORT_BINSTRING", "BINSTRING", "GLOBAL"} <= names
    assert not {"BINUNICODE", "SHORT_BINBYTES", "BINBYTES"} & names
    assert b"numpy.core.multiarray\n_reconstruct\n" in (tmp_path / "test_batch").read_bytes()


def test_the_published_checksums_are_the_ones_that_count(monkeypatch, tmp_path):
    """Without patched checksums, files of our own making are refused."""
    with pytest.MonkeyPatch.context() as patch:
        write_cifar(tmp_path, patch)
    with pytest.raises(ValueError, match="data_batch_1 is damaged .* not c99cafc152244af753f735de768cd75f"):
        CIFAR10(root=str(tmp_path)).load()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("file", ["data_batch_3", "test_batch"])
def test_a_damaged_file_is_named_and_never_unpickled(tmp_path, monkeypatch, file):
    write_cifar(tmp_path, monkeypatch)
    (tmp_path / file).write_bytes(pickle.dumps(Bomb()))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=file):
        CIFAR10(root=str(tmp_path)).load()
    assert not (tmp_path / "exploded").exists()


def test_read_only_folder_is_enough(tmp_path, monkeypatch):
    arrays = write_cifar(tmp_path, monkeypatch)
    tmp_path.chmod(0o555)
    check_equal(CIFAR10(root=str(tmp_path), split="first").load(), arrays, TRAIN)
    assert sorted(os.listdir(tmp_path)) == sorted(arrays)


def test_torchvision_downloads_what_is_missing(tmp_path, monkeypatch):
    import torchvision.datasets.cifar

    arrays = {}

    def fetch(url, root, filename, md5):
        assert len(md5) == 32
        arrays.update(write_cifar(tmp_path / "cifar-10-batches-py", monkeypatch))

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", fetch)
    check_equal(CIFAR10(root=str(tmp_path), split="first").load(), arrays, TRAIN)


def test_the_archive_as_it_is_published_is_enough(tmp_path, monkeypatch):
    """Put into data.root, it is unpacked without a network."""
    from torchvision import datasets

    arrays = write_cifar(tmp_path / "elsewhere", monkeypatch, 100)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(tmp_path / "elsewhere", "cifar-100-python")
    monkeypatch.setattr(datasets.CIFAR100, "tgz_md5", hashlib.md5(content.getvalue()).hexdigest())
    monkeypatch.setattr(datasets.CIFAR100, "_load_meta", lambda self: None)  # the names of the classes: another file
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "cifar-100-python.tar.gz").write_bytes(content.getvalue())
    check_equal(CIFAR100(root=str(tmp_path / "root"), split="first").load(), arrays, ["train"])
    assert sorted(os.listdir(tmp_path / "root")) == ["cifar-100-python", "cifar-100-python.tar.gz"]


def test_offline_message_says_what_where_and_what_instead(tmp_path, offline):
    with pytest.raises(FileNotFoundError) as error:
        CIFAR10(root=str(tmp_path / "none")).load()
    message = str(error.value)
    ways = [message.index(way) for way in ("(1) Download", "(2) data.root=FOLDER or $DATA_ROOT", "(3) Put them there")]
    assert ways == sorted(ways)
    for word in (*TRAIN, "test_batch", f"{tmp_path}/none", "cifar-10-batches-py", "cifar-10-python.tar.gz", "https://"):
        assert word in message
    for word in ("cifar-10-batches-bin", "data_batch_1.bin", "Name or service not known", "task=digits"):
        assert word in message
    assert "\n" not in message and len(message) < 800 + 2 * len(str(tmp_path))
    assert not (tmp_path / "none").exists()  # nothing is left behind


def test_only_the_missing_files_are_named(tmp_path, monkeypatch, offline):
    write_cifar(tmp_path, monkeypatch)
    (tmp_path / "data_batch_4").unlink()
    with pytest.raises(FileNotFoundError, match=rf"missing: data_batch_4\. .*{tmp_path}"):
        CIFAR10(root=str(tmp_path)).load()


@pytest.mark.parametrize("classes", [10, 100])
def test_normalised_by_channel(tmp_path, monkeypatch, classes):
    """By the AggMo code's values unless told otherwise; as ToTensor and Normalize do it, to the last bit."""
    from torchvision.transforms import functional as F

    kind, _, _ = KINDS[classes]
    write_cifar(tmp_path, monkeypatch, classes)
    momo = {10: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))}.get(classes, ((0.5,), (0.5,)))
    aggmo = {
        10: ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        100: ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    }[classes]
    for own, (mean, std) in (({}, aggmo), ({"mean": momo[0], "std": momo[1]}, momo)):
        data = kind(root=str(tmp_path), normalize=True, **own)
        data.validate()
        samples = data.load()
        (x, _), *_ = samples.eval_batches("test", 20)
        mean, std = (list(each) * (3 // len(each)) for each in (mean, std))
        for image, ours in zip(samples.test.x, x, strict=True):
            assert torch.equal(ours, F.normalize(F.to_tensor(image.permute(1, 2, 0).numpy()), mean, std))


BINARY_FOLDERS = {10: "cifar-10-batches-bin", 100: "cifar-100-binary"}


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("inside", [False, True])
def test_the_binary_version_holds_the_same_samples_in_the_same_order(tmp_path, monkeypatch, classes, inside):
    """As the pickles of the same arrays, below data.root or in it."""
    kind, layout, train = KINDS[classes]
    arrays = write_cifar(tmp_path / "pickles" / layout, monkeypatch, classes, sizes=(20, 10))
    place = tmp_path / "binary" / BINARY_FOLDERS[classes]
    md5s = write_cifar_binary(place, arrays, coarse=classes == 100)
    root = str(place if inside else place.parent)
    pickles = kind(root=str(tmp_path / "pickles"), split="first").load()
    binary = kind(root=root, split="first").load()
    check_equal(binary, arrays, train)
    for part in ("train", "val", "test"):
        for attribute in ("x", "y"):
            ours, theirs = (getattr(getattr(each, part), attribute) for each in (binary, pickles))
            assert ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    (note,) = binary.notes
    assert "not the published files" in note and all(file in note for file in md5s) and str(place) in note
    published = [PublishedFile(name, md5, 20) for name, md5 in md5s.items()]
    monkeypatch.setitem(data.cifar.BINARY_FILES, kind.name, tuple(published))
    assert kind(root=root).load().notes == ()


def test_damaged_binary_files_are_named(tmp_path, monkeypatch):
    for classes, content, said in (
        (10, b"", "3073"),
        (10, bytes(3072), "3073"),
        (10, bytes(2 * 3074), "3073"),
        (10, bytes([10]) + bytes(3072), "label 10; the classes are 0 to 9"),
        (100, bytes(3073), "3074"),
        (100, bytes([20, 0]) + bytes(3072), "coarse label 20"),
        (100, bytes([19, 100]) + bytes(3072), "label 100; the classes are 0 to 99"),
    ):
        kind, _, train = KINDS[classes]
        write_cifar_binary(tmp_path, write_cifar(tmp_path / "pickles", monkeypatch, classes, (2, 2)), classes == 100)
        (tmp_path / f"{train[-1]}.bin").write_bytes(content)
        with pytest.raises(ValueError, match=rf"{train[-1]}\.bin .*{said}") as error:
            kind(root=str(tmp_path)).load()
        assert "\n" not in str(error.value)


def test_missing_binary_files_are_named_where_most_of_them_are(tmp_path, monkeypatch, offline):
    write_cifar_binary(tmp_path, write_cifar(tmp_path / "elsewhere", monkeypatch, 10, (2, 2)))
    (tmp_path / "data_batch_2.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"files are missing: data_batch_2\.bin\."):
        CIFAR10(root=str(tmp_path)).load()
