"""ImageNet32 in small files of its true format."""

import hashlib
import io
import os
import pickle
import re

import numpy
import pytest
import torch
from conftest import write_imagenet32

import data.imagenet32
from data.imagenet32 import ImageNet32

VAL = "val_data"


def check_equal(samples, arrays):
    """The ten files one after another, then the validation images as the test part; labels from 0."""
    names = [name for name in arrays if name != VAL]
    for parts, files in (((samples.train, samples.val), names), ((samples.test,), [VAL])):
        x, y = torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])
        assert x.dtype == torch.uint8 and y.dtype == torch.int64 and x.shape[1:] == (3, 32, 32)
        assert torch.equal(x.flatten(1), torch.from_numpy(numpy.concatenate([arrays[name][0] for name in files])))
        assert y.tolist() == [label - 1 for name in files for label in arrays[name][1]]


@pytest.mark.parametrize(
    ("train", "val"),
    [("", ""), ("imagenet32", "imagenet32"), ("imagenet32/train", "imagenet32/val")]
    + [("Imagenet32_train_npz", "Imagenet32_val_npz")],
)
def test_files_are_read_where_they_are_unpacked_in_their_order(tmp_path, train, val):
    arrays = write_imagenet32(tmp_path / "all", compressed=not train)
    for name in arrays:
        target = tmp_path / "root" / (val if name == VAL else train)
        target.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / f"{name}.npz").rename(target / f"{name}.npz")
    samples = ImageNet32(root=str(tmp_path / "root"), split="first").load()
    check_equal(samples, arrays)
    (note,) = samples.notes
    assert "not the published files" in note and "train_data_batch_10.npz (6 images, not 128,123)" in note


def test_split_test_trains_on_all_and_statistics_are_imagenets(tmp_path):
    write_imagenet32(tmp_path)
    samples = ImageNet32(root=str(tmp_path), split="test", normalize=True).load()
    assert (len(samples.train), len(samples.val), len(samples.test)) == (60, 6, 6)
    (x, _), *_ = samples.eval_batches("test", 6)
    expected = samples.test.x.double() / 255
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        torch.testing.assert_close(x[:, channel].double(), (expected[:, channel] - mean) / std, rtol=0, atol=1e-6)


def npz(**arrays):
    content = io.BytesIO()
    numpy.savez(content, **arrays)
    return content.getvalue()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


DATA, LABELS = numpy.zeros((2, 3072), numpy.uint8), numpy.array([1, 1000])
DAMAGED = [
    (b"", "damaged or no .npz"),
    (b"PK\x03\x04 cut off", "damaged or no .npz"),
    (npz(data=DATA, labels=LABELS)[:-70], "damaged or no .npz"),
    (pickle.dumps(Bomb()), "pickle"),
    (npz(data=DATA, labels=numpy.array([Bomb(), Bomb()])), "allow_pickle"),
    (npz(data=DATA), "no array labels"),
    (npz(data=DATA.astype(float), labels=LABELS), "float64"),
    (npz(data=DATA[:, :192], labels=LABELS), "(2, 192)"),
    (npz(data=DATA, labels=LABELS[:1]), "(1,)"),
    (npz(data=DATA, labels=LABELS - 1), "labels 0 to 999"),
    (npz(data=DATA, labels=LABELS + 1), "labels 2 to 1001"),
    (npz(data=DATA, labels=LABELS / 1.0), "float64"),
]


def test_damaged_files_are_named_and_nothing_is_unpickled(tmp_path, monkeypatch):
    write_imagenet32(tmp_path)
    monkeypatch.chdir(tmp_path)
    for content, said in DAMAGED:
        (tmp_path / "train_data_batch_3.npz").write_bytes(content)
        with pytest.raises(ValueError, match=rf"train_data_batch_3\.npz.*{re.escape(said)}") as error:
            ImageNet32(root=str(tmp_path)).load()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "exploded").exists()


def test_pickles_are_read_only_where_their_checksums_are_the_published_ones(tmp_path, monkeypatch):
    arrays, md5s = write_imagenet32(tmp_path / "npz"), []
    for name, (pixels, labels) in arrays.items():
        content = pickle.dumps({"data": pixels, "labels": labels.tolist(), "mean": pixels.mean(0)}, 2)
        (tmp_path / name).write_bytes(content)
        md5s.append(hashlib.md5(content).hexdigest())
    with pytest.raises(ValueError, match="train_data_batch_1 is damaged or not the published file"):
        ImageNet32(root=str(tmp_path)).load()
    monkeypatch.setattr(data.imagenet32, "PICKLE_MD5S", tuple(md5s))
    samples = ImageNet32(root=str(tmp_path), split="first").load()
    check_equal(samples, arrays)
    assert samples.notes == ()
    (tmp_path / VAL).write_bytes(pickle.dumps(Bomb()))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="val_data is damaged"):
        ImageNet32(root=str(tmp_path)).load()
    assert not (tmp_path / "exploded").exists()


def test_missing_files_are_named_with_where_to_get_and_put_them(tmp_path):
    write_imagenet32(tmp_path)
    (tmp_path / "val_data.npz").unlink()
    with pytest.raises(FileNotFoundError) as error:
        ImageNet32(root=str(tmp_path)).load()
    message = str(error.value)
    assert message.startswith("data=imagenet32: files are missing: val_data.npz. ") and "\n" not in message
    for word in ("image-net.org", "data.root=FOLDER", "$DATA_ROOT", str(tmp_path), "Imagenet32_train_npz", "pickles"):
        assert word in message


def test_the_published_checksums_have_their_form():
    md5s = data.imagenet32.NPZ_MD5S + data.imagenet32.PICKLE_MD5S
    assert len(set(md5s)) == 22 and all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in md5s)
    assert sum(data.imagenet32.NUM_RECORDS[:-1]) == 1_281_167
