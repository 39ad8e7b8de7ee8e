"""Images in folders: the transforms, every sample once, the same images whatever the workers and the start."""

import multiprocessing
import multiprocessing.forkserver
import os
import subprocess
import sys
from dataclasses import replace

import numpy
import processes
import pytest
import torch
from conftest import ROOT, write_images
from PIL import Image
from runs import configure

from data.image_reading import read_rgb
from data.imagefolder import ImageFolder
from runner.train.prepare import load_samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("images")
    write_images(place)
    return place


def load(folder, limits=(None, None, None), **more):
    data = ImageFolder(path=str(folder), **{"image_size": 32, "num_workers": 0, **more})
    data.validate()
    return data.load(limits)


def whole(batches):
    return tuple(torch.cat(each) for each in zip(*batches, strict=True))


def test_shape_and_classes_need_no_torch(folder):
    import subprocess
    import sys

    code = f"""
import subprocess
import sys
from data.imagefolder import ImageFolder
data = ImageFolder(path={str(folder)!r})
assert (data.shape, data.classes) == ((3, 224, 224), 2) and not data.in_unit_range
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_parts_are_the_folders(folder):
    """Validation is held out of train/; val/ is the test part; every file is in exactly one."""
    samples = load(folder)
    assert (len(samples.train), len(samples.val), len(samples.test)) == (22, 2, 12)
    below = {part: {os.fsdecode(file) for file in getattr(samples, part).files} for part in ("train", "val", "test")}
    assert below["train"] | below["val"] == {str(file) for file in folder.glob("train/*/*.jpg")}
    assert below["test"] == {str(file) for file in folder.glob("val/*/*.jpg")}
    for part in below:
        for file, label in zip(getattr(samples, part).files, getattr(samples, part).y.tolist(), strict=True):
            assert label == ["cat", "dog"].index(os.fsdecode(file).split("/")[-2])


def test_limits_keep_samples_of_all_classes(folder):
    samples = load(folder, (8, 2, 6))
    assert (len(samples.train), len(samples.val), len(samples.test)) == (8, 2, 6)
    assert set(samples.train.y.tolist()) == set(samples.test.y.tolist()) == {0, 1}


def test_split_test_validates_on_the_test_samples(folder):
    samples = load(folder, split="test")
    assert len(samples.train) == 24 and (samples.val.files == samples.test.files).all()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("size", [1, 5, 100])
def test_evaluation_sees_every_sample_exactly_once(folder, workers, size):
    """In the part's order, resized, cut and normalised as torchvision's transforms do it."""
    from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

    theirs = Compose([Resize(36), CenterCrop(32), ToTensor(), Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    samples = load(folder, num_workers=workers)
    x, y = whole(samples.eval_batches("test", size))
    assert torch.equal(y, samples.test.y)
    for file, ours in zip(samples.test.files, x, strict=True):
        assert torch.equal(ours, theirs(Image.open(os.fsdecode(file)).convert("RGB")))


def test_training_images_are_torchvisions_for_each_images_seed(folder):
    from torchvision.transforms import v2

    samples = load(folder)
    seeds = torch.randint(2**63 - 1, (22,), generator=torch.Generator().manual_seed(9))
    theirs = v2.Compose([v2.RandomResizedCrop(32), v2.RandomHorizontalFlip(), v2.PILToTensor()])
    order = torch.arange(22).flip(0)
    x, y = whole(samples.train_batches(order, 5, 0, seed=9))
    assert torch.equal(y, samples.train.y[order])
    for i, ours in zip(order.tolist(), x, strict=True):
        torch.manual_seed(int(seeds[i]))
        assert torch.equal(ours, samples.prepare(theirs(Image.open(os.fsdecode(samples.train.files[i])))))


def test_images_depend_on_the_seed_alone(folder):
    """Not on the number of workers, nor on where in the epoch a run goes on."""
    order = torch.randperm(22, generator=torch.Generator().manual_seed(0))
    x, y = whole(load(folder).train_batches(order, 4, 0, seed=5))
    for workers, start in ((0, 3), (2, 0), (2, 3)):
        late = whole(load(folder, num_workers=workers).train_batches(order, 4, start, seed=5))
        assert torch.equal(late[0], x[4 * start :]) and torch.equal(late[1], y[4 * start :])
    other, _ = whole(load(folder).train_batches(order, 4, 0, seed=6))
    assert not any(torch.equal(one, two) for one, two in zip(x, other, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_is_drawn_from_the_global_generator(folder, workers):
    """A run that is resumed in mid-epoch opens its batches anew; dropout must not notice."""
    before = torch.get_rng_state()
    samples = load(folder, num_workers=workers)
    next(samples.train_batches(torch.arange(22), 4, 0, seed=5))
    next(samples.eval_batches("val", 4))
    assert torch.equal(torch.get_rng_state(), before)


def test_not_augmented_when_told_so(folder):
    samples = load(folder, augment="none", normalize=False)
    x, _ = whole(samples.train_batches(torch.arange(22), 22, 0, seed=5))
    assert torch.equal(x, whole(samples.eval_batches("train", 22))[0]) and 0 <= float(x.min()) <= float(x.max()) <= 1


def test_the_number_of_workers_does_not_make_another_run(folder):
    from runner.config.compose import compose
    from runner.config.validate import validate

    def signed(*overrides):
        return validate(compose("task=imagenet", *overrides)).signature

    assert signed("data.num_workers=3") == signed("data.root=/elsewhere") == signed()
    assert len({signed(), signed("data.path=other"), signed("data.image_size=64")}) == 3


def test_path_is_seen_from_here_or_from_the_root(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder.parent)
    assert ImageFolder(path=folder.name).classes == 2
    monkeypatch.chdir(tmp_path)
    assert ImageFolder(path=folder.name, root=str(folder.parent)).classes == 2


def test_missing_folder_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="needs data.path=FOLDER"):
        load("")
    with pytest.raises(FileNotFoundError, match=f"no folder {tmp_path}/none/train.*data.path={tmp_path}/none"):
        load(tmp_path / "none")
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(ValueError, match="train has 1 class folders"):
        load(tmp_path)


def test_empty_class_is_refused(tmp_path):
    write_images(tmp_path, 2, 2)
    for part in ("train", "val"):
        (tmp_path / part / "emu").mkdir()
        (tmp_path / part / "emu" / "notes.txt").write_text("no image")
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/train/emu has no image"):
        load(tmp_path)


def test_classes_that_differ_are_refused(tmp_path):
    """torchvision would number each part's classes for itself."""
    write_images(tmp_path, 2, 2, ("cat", "dog", "emu"))
    for file in (tmp_path / "val" / "cat").iterdir():
        file.unlink()
    (tmp_path / "val" / "cat").rmdir()
    with pytest.raises(ValueError, match="differ, for example cat"):
        load(tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("content", [b"no image", b"", None])
def test_damaged_file_is_named_in_one_line(tmp_path, workers, content):
    write_images(tmp_path, 4, 2)
    file = tmp_path / "train" / "dog" / "2.jpg"
    file.write_bytes(file.read_bytes()[:-300] if content is None else content)  # None: the end is missing
    samples = load(tmp_path, num_workers=workers)
    with pytest.raises(ValueError) as error:
        whole([*samples.train_batches(torch.arange(len(samples.train)), 3, 0, seed=0), *samples.eval_batches("val", 3)])
    assert str(error.value).startswith(f"{file} is not an image that can be read (") and "\n" not in str(error.value)
    assert str(error.value).count(str(file)) == 1
    assert not multiprocessing.active_children(), "the workers end with the error"


def test_a_grey_and_a_palette_image_become_colour(tmp_path):
    write_images(tmp_path, 5, 2)
    for kind, name in (("L", "grey"), ("P", "palette")):
        Image.open(tmp_path / "val" / "cat" / "0.jpg").convert(kind).save(tmp_path / "val" / "cat" / f"{name}.png")
    x, _ = whole(load(tmp_path).eval_batches("test", 10))
    assert x.shape == (6, 3, 32, 32)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux limits a process's files in shared memory")
def test_batches_that_shared_memory_can_not_hold_arrive_all_the_same(folder):
    """A limit on a file's size stands for a full /dev/shm. Without the way out, the loader waits for ever."""
    import resource

    part = load(folder, image_size=64, num_workers=2).test  # 12 kB an image
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        images, labels = whole(part.in_order(4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    expected = whole(replace(part, num_workers=0).in_order(4))
    assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])


def test_runs_that_share_the_cores_share_them_for_their_workers_too(folder):
    """threads: what each run of a sweep in parallel processes is given."""
    words = ["task=imagenet", f"data.path={folder}", "model=mlp"]
    for more, workers in ((["threads=1"], 1), (["threads=64"], 8), (["threads=1", "data.num_workers=3"], 3)):
        assert load_samples(configure(*words, *more)).train.num_workers == workers


def read_in_process(part, connection):
    connection.send(len(whole(part.in_order(4))[1]))
    connection.send(multiprocessing.forkserver._forkserver._forkserver_pid)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the fork server is Linux's")
def test_workers_of_a_run_that_a_fork_server_has_started_are_forked(folder):
    """As local and joblib start their runs. A fork server of the run's own would load torch anew for each worker."""
    here, there = processes.context.Pipe()
    process = processes.context.Process(target=read_in_process, args=(load(folder, num_workers=2).test, there))
    process.start()
    assert here.recv() == 12 and here.recv() is None
    process.join()


def fail_in_process(part):
    """Keep the error, and with it the frames that hold the loader, until the process exits."""
    try:
        whole(part.in_order(2))
    except ValueError as error:
        fail_in_process.error = error


@pytest.mark.slow
def test_workers_end_with_an_epoch_that_fails(folder):
    """They ignore signals, so that Python, which ends them by one at its exit, would wait for ever."""
    part = load(folder, num_workers=3).test
    files = part.files.copy()
    files[1] = b"missing.jpg"
    process = processes.context.Process(target=fail_in_process, args=(replace(part, files=files),))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_hidden_files_and_folders_are_left_out_and_counted(tmp_path, run):
    write_images(tmp_path, train=10, val=4)
    plain = load(tmp_path, augment="none", val_fraction=0.5)
    picture = (tmp_path / "train" / "cat" / "0.jpg").read_bytes()
    hidden = ["train/.ipynb_checkpoints/0.jpg", "train/cat/.ipynb_checkpoints/0-checkpoint.jpg", "train/cat/._0.jpg"]
    hidden += ["train/dog/.DS_Store", "train/dog/Thumbs.db", "train/dog/desktop.ini", "val/__MACOSX/0.jpg"]
    for file in hidden:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(picture if file.endswith("jpg") else b"no picture")
    samples = load(tmp_path, augment="none", val_fraction=0.5)
    for part in ("train", "val", "test"):
        assert getattr(samples, part).files.tolist() == getattr(plain, part).files.tolist()
    assert plain.notes == () and [" 6 hidden" in note or " 1 hidden" in note for note in samples.notes] == [True, True]
    words = ["task=imagenet", f"data.path={tmp_path}", "data.image_size=32", "data.num_workers=0", "epochs=1"]
    result = run(*words, "model=mlp", "model.hidden=[4]")
    assert result.code == 0, result.err
    assert result.out.count("left out") == 2 == (result.folder / "log.txt").read_text().count("left out")


GREY = [(0, 0), (257, 1), (32768, 128), (65535, 255)]  # of 16 bits, as 8 bits


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bit_images_keep_their_greys(tmp_path, ending):
    path = tmp_path / f"grey.{ending}"
    for value, expected in GREY:
        Image.fromarray(numpy.full((64, 64), value, dtype=numpy.uint16)).save(path)
        assert numpy.asarray(read_rgb(str(path)))[0, 0].tolist() == [expected] * 3


@pytest.mark.parametrize("dtype", [numpy.int32, numpy.float32])
def test_pixels_of_unknown_range_are_refused_with_their_file(tmp_path, dtype):
    write_images(tmp_path)
    Image.fromarray(numpy.full((64, 64), 3, dtype=dtype)).save(tmp_path / "val" / "cat" / "deep.tif")
    with pytest.raises(ValueError, match=r"deep\.tif.*32 bits"):
        whole(load(tmp_path, augment="none").eval_batches("test", 100))


@pytest.mark.slow
def test_a_stream_that_is_still_in_use_does_not_hold_up_the_exit(tmp_path):
    """Its workers ignore the signal by which multiprocessing ends them, and would be waited for without end."""
    write_images(tmp_path)
    code = "import torch; from data.imagefolder import ImageFolder\n"
    code += f"part = ImageFolder(path={str(tmp_path)!r}, image_size=32, num_workers=2).load().train\n"
    code += "stream = part.in_turn(torch.arange(len(part)), 2, 0, 0); next(stream); print('read')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
