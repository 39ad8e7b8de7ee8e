"""Shared by all tests: one thread (results then do not depend on the machine's cores), files in true formats."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import shutil
import struct
import sys
import time
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def copy_project(place: Path, packages: tuple[str, ...], files: list[str]) -> Path:
    """A copy of the project's packages with new files: blocks of a README, whose first line is `# path`."""
    for package in packages:
        shutil.copytree(ROOT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    for block in files:
        first, content = block.split("\n", 1)
        path = place / first.removeprefix("# ")
        assert not path.exists()
        path.write_text(content)
    return place


@pytest.fixture
def load_module(monkeypatch):
    """load_module(file, name) -> the module of a file that lies elsewhere than its name says."""
    from importlib.util import module_from_spec, spec_from_file_location

    def load(file: Path, name: str) -> types.ModuleType:
        spec = spec_from_file_location(name, file)
        assert spec and spec.loader
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # where dataclasses look up their module
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(autouse=True)
def one_thread():
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run(*words, outputs=None, callbacks=...) -> runs.Result: the command in this process, in a folder of outputs of
    its own, and without loggers unless the words choose some."""
    from runs import Result, run_folders

    from runner.callbacks import NO_CALLBACKS
    from runner.cli.main import main

    monkeypatch.setattr(sys, "argv", ["main.py"])
    count = 0

    def go(*words, outputs=None, callbacks=NO_CALLBACKS):
        nonlocal count
        count += 1
        outputs = outputs or tmp_path / f"run-{count}"
        code = main(["logger=[]", *words, f"outputs={outputs}"], callbacks)
        folders, printed = run_folders(outputs), capsys.readouterr()
        return Result(code, folders[0] if len(folders) == 1 else outputs, printed.out, printed.err)

    return go


@pytest.fixture
def write_plugin():
    """write_plugin(text, suffix=".py", name=None) -> the name of a new file of plugins/, removed afterwards."""
    files = []

    def write(text, suffix=".py", name=None):
        name = name or f"test_{os.getpid()}_{time.time_ns()}"
        files.append(ROOT / "plugins" / f"{name}{suffix}")
        assert not files[-1].exists()
        files[-1].write_text(text, encoding="utf-8")
        return name

    yield write
    for file in files:
        file.unlink()


@pytest.fixture
def make_trainer(tmp_path):
    """make_trainer(*words) -> the Trainer of a command, to look inside."""
    from contextlib import ExitStack

    from runs import open_trainer

    with ExitStack() as closings:
        count = 0

        def make(*words):
            nonlocal count
            count += 1
            return open_trainer(closings, *words, "logger=[]", f"outputs={tmp_path}/trainer-{count}")

        yield make


def idx_bytes(array) -> bytes:
    """An array of unsigned bytes in the IDX format, written from its description and not by our own code."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", size) for size in array.shape)
    return header + array.astype("uint8").tobytes()


def write_mnist(folder: Path, num_train: int = 60, num_test: int = 20, gz: bool = False, seed: int = 0) -> dict:
    """Small files in MNIST's true format; returns the arrays."""
    import numpy

    random = numpy.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for part, n in (("train", num_train), ("t10k", num_test)):
        arrays[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (n, 28, 28))
        arrays[f"{part}-labels-idx1-ubyte"] = random.integers(0, 10, n)
    for name, array in arrays.items():
        if gz:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))
    return arrays


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote into CIFAR's files: byte strings, and numpy by its old module names."""

    def save_string(self, value):
        data = value.encode("ascii") if isinstance(value, str) else value
        size = struct.pack("<B", len(data)) if len(data) < 256 else struct.pack("<i", len(data))
        self.write((pickle.SHORT_BINSTRING if len(data) < 256 else pickle.BINSTRING) + size + data)
        self.memoize(value)

    def save_global(self, obj, name=None):
        module = obj.__module__.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__qualname__}\n".encode())
        self.memoize(obj)

    dispatch = {
        **pickle._Pickler.dispatch,
        bytes: save_string,
        str: save_string,
        types.FunctionType: save_global,
        types.BuiltinFunctionType: save_global,
        type: save_global,
    }


def write_cifar(folder: Path, monkeypatch, classes: int = 10, sizes: tuple[int, ...] = (60, 20), seed: int = 0) -> dict:
    """Small files in CIFAR's true format, with torchvision's list of checksums patched to theirs; returns the arrays
    {file: (images (n, 3, 32, 32), labels)}. sizes: images of each training file and of each test file."""
    import numpy
    from torchvision import datasets

    random = numpy.random.default_rng(seed)
    known = {10: datasets.CIFAR10, 100: datasets.CIFAR100}[classes]
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for key, n in zip(("train_list", "test_list"), sizes, strict=True):
        checksums = []
        for file, _ in vars(known)[key]:
            images = random.integers(0, 256, (n, 3, 32, 32), dtype=numpy.uint8)
            labels = random.integers(0, classes, n).tolist()
            names = {"labels": labels} if classes == 10 else {"fine_labels": labels, "coarse_labels": labels}
            batch = {"batch_label": file, **names, "data": images.reshape(n, -1), "filenames": ["a.png"] * n}
            content = io.BytesIO()
            Python2Pickler(content, 2).dump(batch)
            (folder / file).write_bytes(content.getvalue())
            checksums.append([file, hashlib.md5(content.getvalue()).hexdigest()])
            arrays[file] = images, labels
        monkeypatch.setattr(known, key, checksums)
    return arrays


def write_cifar_binary(folder: Path, arrays: dict, coarse: bool = False) -> dict[str, str]:
    """The binary version of `write_cifar`'s arrays, byte by byte as its page describes it; returns the files' MD5s."""
    folder.mkdir(parents=True, exist_ok=True)
    checksums = {}
    for file, (images, labels) in arrays.items():
        content = bytearray()
        for image, label in zip(images, labels, strict=True):
            content += bytes([label // 5, label] if coarse else [label])
            for plane in image:
                for row in plane:
                    content += row.tobytes()
        (folder / f"{file}.bin").write_bytes(content)
        checksums[f"{file}.bin"] = hashlib.md5(content).hexdigest()
    return checksums


def write_imagenet32(folder: Path, n: int = 6, compressed: bool = False) -> dict[str, tuple]:
    """Small files in the .npz form of ImageNet32, `n` images each; returns {file: (data (n, 3072), labels from 1)}."""
    import numpy

    random = numpy.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name in (*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"):
        data, labels = random.integers(0, 256, (n, 3072), dtype=numpy.uint8), random.integers(1, 1001, n)
        mean = {} if name == "val_data" else {"mean": data.mean(0)}
        save = numpy.savez_compressed if compressed else numpy.savez
        save(folder / f"{name}.npz", data=data, labels=labels, **mean)
        arrays[name] = data, labels
    return arrays


def write_images(folder: Path, train: int = 12, val: int = 6, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    """`train` and `val` JPEG files of different sizes for each class, in ImageNet's layout."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(0)
    for part, count in (("train", train), ("val", val)):
        for name in classes:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                pixels = random.integers(0, 256, (3, 4, 3), dtype=numpy.uint8)
                image = Image.fromarray(pixels).resize((40 + 3 * (i % 12), 50 - 2 * (i % 12)))
                image.save(folder / part / name / f"{i}.jpg")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium for the tests of HTML pages."""
    from browser import Browser

    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory):
    """An HTML report with every kind of content."""
    from page_demo import demo

    from report.page.html import write_page

    folder = tmp_path_factory.mktemp("demo")
    return write_page(demo(folder), folder / "page.html")


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a file, or a page of items. At the test's end nothing may have been requested, nor an error reported."""
    from report.page.content import Page, Section
    from report.page.html import write_page

    opened = []
    drawn = "[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('.main-svg'))"

    def open_page(*items, file=None):
        file = file or write_page(Page("Title", "", [Section("Section", "", items)]), tmp_path / "page.html")
        browser.send("Emulation.setEmulatedMedia", media="")
        browser.prefer(prefers_color_scheme="light")
        browser.open(file)
        browser.until(drawn)
        opened.append(file.as_uri())
        return browser

    yield open_page
    browser.value("1")  # its answer comes after the reports of what happened before
    assert browser.errors == [] and browser.requests == opened[-1:]


@pytest.fixture
def page(visit, demo_file):
    """The browser, with that report opened."""
    return visit(file=demo_file)
