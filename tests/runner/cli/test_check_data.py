"""`--check-data`: files, checksums, counts; nothing is trained, downloaded or written."""

import gzip
import hashlib
import os

import pytest
from conftest import idx_bytes, write_cifar, write_cifar_binary, write_imagenet32, write_images, write_mnist
from PIL import Image
from torchvision import datasets

import data.cifar
from data.batch_files import PublishedFile
from data.mnist import CHECKSUMS, FILES


@pytest.fixture
def check(run, tmp_path, monkeypatch):
    """check(*words) -> (exit code, printed lines); fails if a file appears or anything is downloaded."""

    def refuse(*_, **__):
        raise AssertionError("a download")

    for name in ("mnist", "cifar"):
        monkeypatch.setattr(f"torchvision.datasets.{name}.download_and_extract_archive", refuse)

    def go(*words):
        before = sorted(map(str, tmp_path.rglob("*")))
        found = run(*words, "--check-data")
        assert sorted(map(str, tmp_path.rglob("*"))) == before and found.err == ""
        return found.code, found.out.splitlines()

    return go


def md5(content):
    return hashlib.md5(content).hexdigest()


def test_mnist(check, tmp_path, monkeypatch):
    arrays = write_mnist(tmp_path, gz=True)
    contents = [idx_bytes(arrays[file]) for file in FILES]
    monkeypatch.setitem(CHECKSUMS, "mnist", [md5(content) for content in contents])
    words = "task=mnist", f"data.root={tmp_path}"
    code, (first, *lines, last) = check(*words)
    assert code == 0 and str(tmp_path) in first and last == "OK: a run reads these data, which are the published files"
    for line, file, content in zip(lines, FILES, contents, strict=True):
        size = (tmp_path / f"{file}.gz").stat().st_size
        assert line.startswith(f"{tmp_path}/{file}.gz: {size:,} bytes, the published file (MD5 {md5(content)}), ")
    counts = " ".join(str(int((arrays[FILES[1]] == label).sum())) for label in range(10))
    assert "60 images" in lines[0] and lines[1].endswith(f"60 labels, labels 0 to 9, class counts {counts}")

    monkeypatch.setitem(CHECKSUMS, "mnist", [md5(content) for content in contents[:3]] + ["0" * 32])
    code, lines = check(*words)
    assert code == 0 and f"not the published file (MD5 {md5(contents[3])})" in lines[4]
    assert lines[-1].endswith(f"; not the published files: {FILES[3]}.gz")

    monkeypatch.setitem(CHECKSUMS, "fashion_mnist", [md5(content) for content in contents])
    monkeypatch.setitem(CHECKSUMS, "mnist", ["0" * 32] * 4)
    code, lines = check(*words)
    assert code == 1 and lines[-1].startswith("not OK: 4 problems,") and "choose data=fashion_mnist" in lines[1]


def test_mnist_damaged_and_missing(check, tmp_path):
    write_mnist(tmp_path)
    words = "task=mnist", f"data.root={tmp_path}"
    (tmp_path / FILES[0]).write_bytes(b"no IDX")
    (tmp_path / FILES[3]).write_bytes(idx_bytes(write_mnist(tmp_path / "more", 1, 19)[FILES[3]]))
    code, lines = check(*words)
    assert code == 1 and f"{tmp_path}/{FILES[0]} is not an IDX file" in lines[1]
    assert "holds (19,) labels for the 20 images" in lines[4] and lines[-1].startswith("not OK: 2 problems,")
    (tmp_path / FILES[0]).unlink()
    code, lines = check(*words)
    assert code == 1 and len(lines) == 2 and lines[1].startswith(f"not OK: data=mnist: files are missing: {FILES[0]}. ")
    assert all(way in lines[1] for way in ("(1) Download", "(2) data.root=FOLDER", "(3) Put them there", "http"))
    assert "--check-data downloads nothing" in lines[1]


def test_cifar_as_pickles_and_in_the_binary_version(check, tmp_path, monkeypatch):
    arrays = write_cifar(tmp_path / "cifar-10-batches-py", monkeypatch, 10, (20, 10))
    words = "task=cifar10", f"data.root={tmp_path}"
    code, lines = check(*words)
    assert code == 0 and len(lines) == 8 and lines[-1].endswith("which are the published files")
    assert "test_batch: " in lines[6] and "10 images, labels" in lines[6]

    with (tmp_path / "cifar-10-batches-py" / "data_batch_2").open("ab") as file:
        file.write(b"more")
    code, lines = check(*words)
    assert (
        code == 1
        and lines[-1].startswith("not OK: 1 problem,")
        and "data_batch_2 is damaged or not the pub" in lines[2]
    )

    (tmp_path / "cifar-10-batches-py" / "data_batch_2").unlink()
    checksums = write_cifar_binary(tmp_path, arrays)
    published = [PublishedFile(name, each, 20) for name, each in checksums.items()]
    monkeypatch.setitem(data.cifar.BINARY_FILES, "cifar10", (*published[:5], published[5]._replace(md5="0" * 32)))
    code, lines = check(*words)
    assert code == 0 and f"data_batch_1.bin: {20 * 3073:,} bytes, the published file" in lines[1]
    assert "not the published file" in lines[6] and "10 images (published: 20)" in lines[6]
    assert lines[-1].endswith("; not the published files: test_batch.bin")
    (tmp_path / "test_batch.bin").write_bytes(bytes(3000))
    code, lines = check(*words)
    assert code == 1 and "3073" in lines[6]


def test_cifars_archive(check, tmp_path, monkeypatch):
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"an archive")
    code, lines = check("task=cifar100", f"data.root={tmp_path}")
    assert code == 1 and f"{tmp_path}/cifar-100-python.tar.gz: damaged" in lines[1]
    monkeypatch.setattr(datasets.CIFAR100, "tgz_md5", md5(b"an archive"))
    code, lines = check("task=cifar100", f"data.root={tmp_path}")
    assert code == 0 and "10 bytes, the published file" in lines[1] and "unpacked by the first run" in lines[1]


def test_imagenet32(check, tmp_path):
    arrays = write_imagenet32(tmp_path)
    code, lines = check("task=imagenet32", f"data.root={tmp_path}")
    assert code == 0 and len(lines) == 13 and "not the published files" in lines[-1]
    labels = arrays["val_data"][1] - 1
    assert f"6 images (published: 50,000), labels {labels.min()} to {labels.max()}, 0 to " in lines[11]
    assert lines[11].endswith(" in each of 1,000 classes")


def test_image_folders_are_decoded(check, tmp_path):
    write_images(tmp_path, 3, 2)
    (tmp_path / "train" / "cat" / "._0.jpg").write_bytes(b"hidden")
    words = "task=imagenet", f"data.path={tmp_path}"
    code, lines = check(*words)
    size = sum(file.stat().st_size for file in (tmp_path / "val").rglob("*.jpg"))
    assert code == 0 and lines[-1] == "OK: a run reads these data"
    assert f"{tmp_path}/val: {size:,} bytes, 4 images, labels 0 to 1, class counts 2 2" in lines
    assert any("left out 1 hidden file" in line for line in lines)
    damaged = tmp_path / "val" / "dog" / "1.jpg"
    os.truncate(damaged, damaged.stat().st_size // 2)
    code, lines = check(*words)
    assert code == 1 and sum(str(damaged) in line for line in lines) == 1 and lines[-1].startswith("not OK: 1 problem,")
    (tmp_path / "val" / "dog" / "2.jpg").touch()
    (tmp_path / "val" / "dog" / "3.jpg").symlink_to("nothing")
    Image.open(tmp_path / "val" / "dog" / "0.jpg").convert("L").save(tmp_path / "val" / "dog" / "0.jpg")
    code, lines = check(*words, "data.on_error=skip")
    assert (
        code == 0 and lines[-1] == "OK: a run reads these data" and any("3 images, labels 0 to 1" in x for x in lines)
    )
    assert "val: converted to RGB of 8 bits: 1 grey" in lines
    for name, reason in (("1", ""), ("2", "the file is empty"), ("3", "no such file")):
        assert sum(f"val: left out, {damaged.parent / name}.jpg" in line and reason in line for line in lines) == 1


def test_data_without_files_and_of_a_record(check, run, tmp_path):
    code, lines = check("task=digits")
    assert code == 0 and lines[1].startswith("training and validation: 1,438 samples, labels 0 to 9, class counts ")
    write_mnist(tmp_path)
    trained = run("task=mnist", f"data.root={tmp_path}", "epochs=1")
    code, lines = check(f"config={trained.folder}/config.yaml", "seed=1")
    assert code == 0 and lines[0].startswith("data=mnist")


def test_commands_that_have_no_data_to_check(run, tmp_path):
    for words, said in (
        (["-m"], "-m"),
        (["sweep=lr_per_optimizer"], "sweep="),
        (["optim.lr=-1"], "optim.lr=-1"),
        (["data.root=${nowhere}"], "nowhere"),
        (["task=minst"], "mnist?"),
    ):
        found = run(*words, "--check-data")
        assert found.code == 2 and found.out == "" and said in found.err and found.err.count("\n") == 1


def test_an_empty_gzip_of_a_label_file(check, tmp_path):
    write_mnist(tmp_path)
    (tmp_path / FILES[1]).unlink()
    (tmp_path / f"{FILES[1]}.gz").write_bytes(gzip.compress(b""))
    code, lines = check("task=mnist", f"data.root={tmp_path}")
    assert code == 1 and f"{FILES[1]}.gz is not an IDX file" in lines[2]
