"""Batched crops and flips against torchvision's, one image at a time: the same outputs and the same chances."""

import pytest
import torch
from torchvision.transforms import functional as v1
from torchvision.transforms import v2

from data.augment import CropFlip
from data.samples import Part, Samples

MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]


@pytest.fixture
def images():
    return torch.randint(0, 256, (162, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def samples_of(x, **more):
    part = Part(x, torch.arange(len(x)))
    statistics = tuple(torch.tensor(each).reshape(3, 1, 1) for each in (MEAN, STD))
    return Samples(part.augmented(), part, part, statistics, **more)


def torchvisions(image, draw, size=32):
    """The transforms of a PIL image that the papers' code uses, for given draws."""
    draw, mirrored = divmod(int(draw), 2)
    top, left = divmod(draw, 9)
    padded = v2.functional.pad(v2.functional.to_pil_image(image), [4, 4, 4, 4])
    cut = v2.functional.crop(padded, top, left, size, size)
    return v1.to_tensor(v2.functional.hflip(cut) if mirrored else cut)


def test_every_draw_gives_what_torchvision_gives(images):
    crops = CropFlip.of(images)
    samples = samples_of(images)
    taken = samples.prepare(crops.take(torch.arange(162), torch.arange(162)))
    for draw, (image, ours) in enumerate(zip(images, taken, strict=True)):
        assert torch.equal(ours, v1.normalize(torchvisions(image, draw), MEAN, STD))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 9)])
def test_any_shape_and_floats_too(shape):
    x = torch.rand(162, *shape, generator=torch.Generator().manual_seed(0))
    crops = CropFlip.of(x)
    index = torch.randperm(162, generator=torch.Generator().manual_seed(1))
    draws = torch.arange(162).flip(0)
    for i, taken in zip(index, crops.take(index, draws), strict=True):
        draw, mirrored = divmod(int(draws[i]), 2)
        cut = v2.functional.crop(v2.functional.pad(x[i], [4, 4, 4, 4]), draw // 9, draw % 9, *shape[1:])
        assert torch.equal(taken, v2.functional.hflip(cut) if mirrored else cut)


def test_training_batches_are_torchvisions_for_the_epochs_draws(images):
    samples = samples_of(images)
    order = torch.randperm(162, generator=torch.Generator().manual_seed(3))
    draws = samples.train.crops.draw(7)
    batches = list(samples.train_batches(order, 50, 0, seed=7))
    assert [len(y) for _, y in batches] == [50, 50, 50, 12]
    x, y = (torch.cat(each) for each in zip(*batches, strict=True))
    assert torch.equal(y, order)
    for i, ours in zip(order, x, strict=True):
        assert torch.equal(ours, v1.normalize(torchvisions(images[i], draws[i]), MEAN, STD))


def test_draws_depend_on_the_seed_and_the_samples_place_alone(images):
    """Not on the order, the batch size, or where in the epoch a run goes on."""
    samples = samples_of(images)

    def epoch(order, batch_size, start, seed):
        found = {}
        for x, y in samples.train_batches(order, batch_size, start, seed):
            found.update(zip(y.tolist(), x, strict=True))
        return found

    forwards = epoch(torch.arange(162), 50, 0, seed=5)
    backwards = epoch(torch.arange(162).flip(0), 7, 0, seed=5)
    assert sorted(forwards) == sorted(backwards) == list(range(162))
    assert all(torch.equal(forwards[i], backwards[i]) for i in forwards)
    late = epoch(torch.arange(162), 50, 2, seed=5)
    assert sorted(late) == list(range(100, 162)) and all(torch.equal(forwards[i], late[i]) for i in late)
    other = epoch(torch.arange(162), 50, 0, seed=6)
    assert sum(torch.equal(forwards[i], other[i]) for i in forwards) < 10


def test_nothing_is_drawn_from_the_global_generator(images):
    before = torch.get_rng_state()
    list(samples_of(images).train_batches(torch.arange(162), 50, 0, seed=5))
    assert torch.equal(torch.get_rng_state(), before)


def chi_square(counts):
    expected = counts.sum() / counts.numel()
    return float((counts - expected).square().sum() / expected)


def test_every_offset_and_flip_is_equally_likely_and_independent():
    """0.999 quantiles of chi-square: 222.2 with 161 degrees of freedom, 124.8 with 80, 26.1 with 8, 10.8 with 1."""
    draws = CropFlip.of(torch.zeros(162 * 500, 1, 1, 1, dtype=torch.uint8)).draw(seed=0)
    table = torch.bincount(draws, minlength=162).double().reshape(9, 9, 2)  # top, left, mirrored
    assert chi_square(table.flatten()) < 222.2  # equal cells: uniform, and each of the three independent of the others
    assert chi_square(table.sum((1, 2))) < 26.1 and chi_square(table.sum((0, 2))) < 26.1
    assert chi_square(table.sum((0, 1))) < 10.8
    assert chi_square(table.sum(2).flatten()) < 124.8


def test_torchvision_chooses_with_the_same_chances():
    """Its own RandomCrop and flip on an image whose pixels tell how it was cut: the same 162 outcomes, as often."""
    x = torch.arange(1, 26, dtype=torch.uint8).reshape(1, 5, 5)
    crops = CropFlip.of(x.expand(20000, 1, 5, 5))
    ours = crops.take(torch.arange(20000), crops.draw(seed=1))
    torch.manual_seed(0)
    random = v2.Compose([v2.RandomCrop(5, padding=4), v2.RandomHorizontalFlip()])
    theirs = torch.stack([random(x) for _ in range(5000)])
    kinds, which = torch.unique(torch.cat((ours, theirs)).flatten(1), dim=0, return_inverse=True)
    one, two = (torch.bincount(each, minlength=162).double() for each in (which[:20000], which[20000:]))
    assert len(kinds) == 162 and (one > 0).all() and (two > 0).all()
    assert float(((one / 2 - two * 2).square() / (one + two)).sum()) < 222.2  # two-sample chi-square


def test_evaluation_is_never_augmented(images):
    samples = samples_of(images)
    for part in ("train", "val", "test"):
        x, y = (torch.cat(each) for each in zip(*samples.eval_batches(part, 50), strict=True))
        assert torch.equal(x, samples.prepare(images)) and torch.equal(y, torch.arange(162))
