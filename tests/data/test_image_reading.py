"""Image files of every kind: converted, named and counted, left out or refused, whatever their names are."""

import os
import shutil

import numpy
import pytest
import torch
from conftest import write_images
from PIL import Image
from runs import configure, read_results

from data.image_reading import examine, read_rgb
from data.imagefolder import ImageFolder, class_files
from runner.config.errors import ConfigError
from runner.train.distributed import DistributedContext
from runner.train.prepare import load_local_main_first

SMALL = ["task=imagenet", "data.image_size=16", "data.num_workers=0", "model=mlp", "model.hidden=[4]", "epochs=1"]
CONVERTED = {  # {file: what it is called}
    "colour.jpg": "",
    "colour.png": "",
    "grey.jpg": "grey",
    "cmyk.jpg": "CMYK",
    "palette.png": "palette",
    "one_transparent_colour.png": "palette with transparency",
    "transparent_palette.png": "palette with transparency",
    "alpha.png": "transparent",
    "bit.png": "black-and-white",
    "deep.png": "16-bit grey",
    "bad_exif.jpg": "",
}
UNREADABLE = {  # {file: part of the reason}
    "truncated.jpg": "truncated",
    "damaged.png": "stream",
    "empty.jpg": "the file is empty",
    "text.jpg": "no known image format",
    "huge.png": "exceeds limit",
    "float.tif": "32 bits",
}


def write_kinds(folder):
    """A file of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=numpy.uint8))
    for mode, name in ((None, "colour.jpg"), (None, "colour.png"), ("L", "grey.jpg"), ("CMYK", "cmyk.jpg")):
        (picture.convert(mode) if mode else picture).save(folder / name)
    for mode, name in (("P", "palette.png"), ("RGBA", "alpha.png"), ("1", "bit.png"), ("F", "float.tif")):
        picture.convert(mode).save(folder / name)
    picture.convert("P").save(folder / "one_transparent_colour.png", transparency=3)
    picture.convert("P").save(folder / "transparent_palette.png", transparency=bytes(range(256)))
    Image.fromarray(numpy.full((40, 50), 257 * 7, numpy.uint16)).save(folder / "deep.png")
    content = (folder / "colour.jpg").read_bytes()
    exif = b"\xff\xe1\x00\x20Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0\0\0AB"
    (folder / "bad_exif.jpg").write_bytes(content[:2] + exif + content[2:])
    (folder / "truncated.jpg").write_bytes(content[: len(content) // 2])
    damaged = bytearray((folder / "colour.png").read_bytes())
    damaged[len(damaged) // 2] ^= 255
    (folder / "damaged.png").write_bytes(damaged)
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no image")
    header = bytearray((folder / "colour.png").read_bytes())
    header[16:24] = (20_000).to_bytes(4, "big") * 2  # width and height; PIL looks at them before the checksum
    header[29:33] = _crc(header[12:29])
    (folder / "huge.png").write_bytes(header)


def _crc(chunk):
    import zlib

    return zlib.crc32(chunk).to_bytes(4, "big")


def test_each_kind_is_converted_or_named(tmp_path):
    write_kinds(tmp_path)
    for name, kind in CONVERTED.items():
        found = examine(str(tmp_path / name))
        assert (found.problem, found.kind, found.is_turned) == ("", kind, False), name
        assert read_rgb(str(tmp_path / name)).mode == "RGB"
    for name, reason in UNREADABLE.items():
        problem = examine(str(tmp_path / name)).problem
        assert problem.startswith(f"{tmp_path / name} is not an image that can be read (") and reason in problem, name
    assert read_rgb(str(tmp_path / "deep.png")).getpixel((0, 0)) == (7, 7, 7)
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert examine(str(tmp_path / "turned.jpg")).is_turned and read_rgb(str(tmp_path / "turned.jpg")).size == (30, 20)


def load(folder, **more):
    return ImageFolder(path=str(folder), image_size=16, num_workers=0, augment="none", **more).load()


def test_unreadable_files_are_left_out_before_training(tmp_path):
    """With skip, the rest is used, and is the same whatever decodes it; with raise, the first one ends the epoch."""
    write_images(tmp_path, 5, 3)
    write_kinds(tmp_path / "train" / "dog")
    samples = load(tmp_path, on_error="skip")
    used = {os.path.basename(os.fsdecode(file)) for part in (samples.train, samples.val) for file in part.files}
    assert used == {*CONVERTED, *(f"{i}.jpg" for i in range(5))}
    (note,) = samples.notes
    assert f"left out {len(UNREADABLE)} of {10 + len(CONVERTED) + len(UNREADABLE)} images in {tmp_path}/train" in note
    assert all(f"dog/{name}" in note for name in UNREADABLE)
    order = torch.arange(len(samples.train))
    assert sum(len(y) for _, y in samples.train_batches(order, 4, 0, seed=0)) == len(order)
    assert samples.fingerprint == load(tmp_path, on_error="skip").fingerprint != load(tmp_path).fingerprint
    refused = load(tmp_path)
    with pytest.raises(ValueError, match="is not an image that can be read .*data.on_error=skip"):
        list(refused.train_batches(torch.arange(len(refused.train)), 4, 0, seed=0))
    for name in ("cat", "dog"):
        for file in (tmp_path / "val" / name).iterdir():
            file.write_bytes(b"")
    with pytest.raises(ValueError, match=f"none of the 6 images in {tmp_path}/val can be read"):
        load(tmp_path, on_error="skip")


def test_a_run_that_met_an_unreadable_file_goes_on_once_it_is_replaced(tmp_path, run):
    """Bit for bit as if it had been readable; with another set of files it is refused."""
    good, bad = tmp_path / "good" / "images", tmp_path / "bad" / "images"
    write_images(good, 8, 4)
    shutil.copytree(good, bad)
    damaged, extra = bad / "val" / "cat" / "1.jpg", bad / "train" / "cat" / "more.jpg"
    damaged.write_bytes(b"")  # of the test, so that all epochs are saved before it is met
    words = [*SMALL, "data.path=images", "epochs=2", "batch_size=5"]
    here, outputs = [*words, f"data.root={bad.parent}"], tmp_path / "a"
    stopped = run(*here, outputs=outputs)
    assert stopped.code == 1 and str(damaged) in stopped.out and "the file is empty" in stopped.out
    shutil.copy(good / "val" / "cat" / "1.jpg", extra)
    refused = run(*here, outputs=outputs)
    assert refused.code == 1 and "has other files now" in refused.out and "rerun=true" in refused.out
    extra.unlink()
    shutil.copy(good / "val" / "cat" / "1.jpg", damaged)
    resumed = run(*here, outputs=outputs)
    undisturbed = run(*words, f"data.root={good.parent}")
    assert resumed.code == undisturbed.code == 0
    assert read_results(resumed.folder) == read_results(undisturbed.folder)


def test_folders_are_listed_as_torchvision_lists_them_and_links_do_not_go_round(tmp_path):
    from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

    names = ["b/2.jpg", "b/c/1.PNG", "b-c/3.jpg", "ü漢.jpg", "a\nb.jpg", "B.jpeg", "x.txt"]
    for name in [*names, os.fsdecode(b"\xff.jpg")]:
        (tmp_path / "cat" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cat" / name).touch()
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "9.jpg").touch()
    (tmp_path / "cat" / "linked").symlink_to(tmp_path / "far")
    theirs = [path for path, _ in make_dataset(str(tmp_path), {"cat": 0}, IMG_EXTENSIONS)]
    assert class_files(str(tmp_path / "cat"), IMG_EXTENSIONS) == (theirs, []) and len(theirs) == 8
    (tmp_path / "cat" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "cat" / "b" / "round").symlink_to(tmp_path / "cat")
    assert class_files(str(tmp_path / "cat"), IMG_EXTENSIONS) == (theirs, [])


def test_a_line_names_files_of_any_name(tmp_path, run):
    write_images(tmp_path, 6, 4)
    for part in ("train", "val"):
        (tmp_path / part / "dog" / os.fsdecode(b"new\nline\xff.jpg")).touch()
    skipped = run(*SMALL, f"data.path={tmp_path}", "data.on_error=skip")
    assert skipped.code == 0, skipped.out
    named = r"which can't be read: dog/new\nline\udcff.jpg;"
    assert skipped.out.count(named) == 2 == (skipped.folder / "log.txt").read_text().count(named)
    refused = run(*SMALL, f"data.path={tmp_path}")
    assert refused.code == 1 and r"dog/new\nline\udcff.jpg is not an image" in refused.out
    assert all(line.startswith(("failed: ", "optim.", "imagenet: ")) for line in refused.out.splitlines())


class TwoFolders(DistributedContext):
    """A process beside one that sees other files."""

    def all_gather(self, value):
        return [value, "another" if isinstance(value, str) else value]


def test_processes_that_see_different_files_are_refused(tmp_path):
    write_images(tmp_path)
    with pytest.raises(ConfigError, match="see different files"):
        load_local_main_first(configure(*SMALL, f"data.path={tmp_path}"), TwoFolders())
