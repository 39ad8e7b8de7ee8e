import pytest
import torch

from data.dataset import split_indices
from data.digits import Digits
from data.samples import Part, Samples
from data.synthetic import Synthetic


@pytest.mark.parametrize("rule", ["random", "first"])
def test_split_is_disjoint_and_complete(rule):
    train, val = split_indices(1000, 0.1, rule, seed=3)
    assert (len(train), len(val)) == (900, 100)
    assert sorted(torch.cat((train, val)).tolist()) == list(range(1000))


def test_first_split_is_the_papers():
    train, val = split_indices(60000, 0.1, "first", seed=0)
    assert torch.equal(train, torch.arange(54000)) and torch.equal(val, torch.arange(54000, 60000))


def test_random_split_depends_on_its_seed_only():
    first, again, other = (split_indices(100, 0.2, "random", seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_split_that_empties_a_part_is_refused():
    with pytest.raises(ValueError, match="data.val_fraction=0.001"):
        split_indices(10, 0.001, "random", 0)


def test_split_test_trains_on_everything_and_validates_on_the_test_part():
    data = Digits(split="test")
    data.validate()
    samples, held_out = data.load(), Digits().load()
    assert len(samples.train) == len(held_out.train) + len(held_out.val)
    assert torch.equal(samples.val.x, held_out.test.x) and torch.equal(samples.test.x, held_out.test.x)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"split": "test", "val_fraction": 0.3}, "leave data.val_fraction=0.3 out"),
        ({"shuffle": False, "reshuffle": False}, "data.reshuffle=false .* data.shuffle=false"),
        ({"mean": (0.5,), "std": (0.5,)}, "data.normalize=true"),
        ({"mean": (0.5,), "normalize": True}, "data.mean and data.std go together"),
        ({"mean": (0.5, 0.4), "std": (0.5,), "normalize": True}, r"data.mean=\[0.5, 0.4\] .* each of 3 channels"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        Synthetic(sample_shape=(3, 8, 8), **fields).validate()


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    samples = Digits().load()
    assert (len(samples.train), len(samples.val), len(samples.test)) == (1150, 288, 359)
    ours = torch.cat([getattr(samples, part).x for part in ("train", "val", "test")]).flatten(1) * 16
    labels = torch.cat([getattr(samples, part).y for part in ("train", "val", "test")])
    theirs = load_digits()
    rows = {tuple(row) + (label,) for row, label in zip(theirs.data.tolist(), theirs.target.tolist(), strict=True)}
    mine = {tuple(row) + (label,) for row, label in zip(ours.tolist(), labels.tolist(), strict=True)}
    assert mine == rows and len(labels) == len(theirs.target)


def test_the_test_part_never_moves():
    reference = Digits().load().test
    moved = Digits(split_seed=5, val_fraction=0.4, split="first").load().test
    assert torch.equal(reference.x, moved.x) and torch.equal(reference.y, moved.y)


def test_limits_cut_each_part():
    samples = Digits().load((10, 20, 30))
    assert (len(samples.train), len(samples.val), len(samples.test)) == (10, 20, 30)


def test_prepare_divides_bytes_and_normalises():
    part = Part(torch.tensor([[0, 255]], dtype=torch.uint8), torch.tensor([0]))
    assert Samples(part, part, part).prepare(part.x).tolist() == [[0.0, 1.0]]
    normal = Samples(part, part, part, (0.5, 0.25)).prepare(part.x)
    assert normal.tolist() == [[-2.0, 2.0]]
    assert part.x.tolist() == [[0, 255]]


def test_statistics_are_those_of_each_channel_of_the_training_part():
    data = Synthetic(sample_shape=(3, 8, 8), num_classes=2, normalize=True)
    samples = data.load()
    x = torch.cat([x for x, _ in samples.eval_batches("train", 100)]).double()
    assert x.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert x.transpose(0, 1).flatten(1).std(1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    given = Synthetic(sample_shape=(3, 8, 8), num_classes=2, normalize=True, mean=(0.1, 0.2, 0.3), std=(0.5,)).load()
    (ours, _), *_ = given.eval_batches("test", 500)
    mean = torch.tensor([0.1, 0.2, 0.3]).reshape(3, 1, 1)
    assert torch.equal(ours, (given.test.x - mean) / 0.5)


def test_batches_from_the_middle_are_the_rest_of_the_epochs():
    samples = Digits().load((50, 20, 20))
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    batches = list(samples.train_batches(order, 8, 0, seed=1))
    assert [len(y) for _, y in batches] == [8] * 6 + [2]
    assert torch.equal(torch.cat([x for x, _ in batches]), samples.train.x[order])
    assert torch.equal(torch.cat([y for _, y in batches]), samples.train.y[order])
    for (x, y), (late_x, late_y) in zip(batches[3:], samples.train_batches(order, 8, 3, seed=1), strict=True):
        assert torch.equal(x, late_x) and torch.equal(y, late_y)


def test_prepare_leaves_resident_floats_alone():
    samples = Digits(normalize=True).load()
    before = samples.train.x.clone()
    prepared = samples.prepare(samples.train.x)
    assert torch.equal(samples.train.x, before)
    assert abs(float(prepared.mean())) < 1e-5 and abs(float(prepared.std()) - 1) < 1e-5


def test_synthetic_is_seeded_and_of_any_shape():
    one, two, other = (Synthetic(sample_shape=(3, 5, 4), num_classes=7, data_seed=s).load() for s in (0, 0, 1))
    assert one.train.x.shape[1:] == (3, 5, 4) and int(one.train.y.max()) == 6
    assert torch.equal(one.train.x, two.train.x) and not torch.equal(one.train.x, other.train.x)
    assert 0 <= float(one.train.x.min()) and float(one.train.x.max()) <= 1


def test_synthetic_is_learnable():
    """The nearest class mean of the training part recognises most of the test part."""
    samples = Synthetic().load()
    x, y = samples.train.x.flatten(1), samples.train.y
    means = torch.stack([x[y == label].mean(0) for label in range(10)])
    found = torch.cdist(samples.test.x.flatten(1), means).argmin(1)
    assert float((found == samples.test.y).float().mean()) > 0.95
