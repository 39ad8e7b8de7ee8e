"""The sharing of batches, without any process: every sample counts once, and weighted means are the batch's."""

import pytest
import torch

from data.samples import Part, Samples
from runner.train.sharding import BatchSharding, bounds, to_evaluate

CASES = [
    # samples, samples in a pass, processes
    (64, 64, 1),
    (64, 64, 2),
    (65, 65, 4),
    (50, 17, 3),
    (3, 64, 4),  # fewer samples than processes
    (1, 8, 2),
    (13, 4, 4),  # the last pass has one sample
    (13, 4, 3),
]


@pytest.mark.parametrize(("n", "full", "size"), CASES)
def test_every_sample_counts_once_and_no_pass_is_empty(n, full, size):
    counts = torch.zeros(n, dtype=torch.long)
    for rank in range(size):
        shares = BatchSharding(full, rank, size).shares(n)
        assert len(shares) == -(-n // full)  # all processes make the same passes
        assert sum(share.together for share in shares) == n
        for share in shares:
            assert share.taken >= 1 and share.counted in (0, share.taken)
            counts[share.start : share.start + share.counted] += 1
    assert counts.tolist() == [1] * n


@pytest.mark.parametrize(("n", "full", "size"), CASES)
def test_the_average_of_weighted_means_is_the_mean_of_the_batch(n, full, size):
    values = torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    average = 0.0
    for rank in range(size):
        for share in BatchSharding(full, rank, size).shares(n):
            average += share.counted * size / n * values[share.start : share.stop].mean() / size
    torch.testing.assert_close(average, values.mean(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("samples", [0, 1, 2, 12, 13, 25, 36, 40])
@pytest.mark.parametrize(("full", "size"), [(12, 1), (12, 2), (4, 3), (5, 4)])
def test_an_epochs_order_is_dealt_out_batch_by_batch(samples, full, size):
    """Cut into `taken` at a time, a process's order is its share of batch after batch, the smaller last one too."""
    batch_size, order = 12, torch.randperm(samples, generator=torch.Generator().manual_seed(1))
    for rank in range(size):
        sharing = BatchSharding(full, rank, size)
        own = sharing.order(order, batch_size).split(sharing.taken(batch_size)) if samples else ()
        batches = order.split(batch_size) if samples else ()
        assert len(own) == len(batches)
        for part, batch in zip(own, batches, strict=True):
            shares = sharing.shares(len(batch))
            assert torch.equal(part, torch.cat([batch[share.start : share.stop] for share in shares]))


def test_one_process_takes_the_order_as_it_is():
    order = torch.randperm(50)
    assert torch.equal(BatchSharding(4).order(order, 12), order)


def test_shares_are_equal_but_for_one():
    assert [bounds(10, rank, 4) for rank in range(4)] == [(0, 3), (3, 6), (6, 8), (8, 10)]
    assert [bounds(2, rank, 3) for rank in range(3)] == [(0, 1), (1, 2), (2, 2)]


def test_what_is_evaluated_is_split_and_the_rest_is_not():
    parts = [Part(torch.arange(n).reshape(n, 1, 1, 1), torch.arange(n)) for n in (9, 7, 2)]
    samples = Samples(*parts)
    for name in ("val", "test"):
        own = [to_evaluate(samples, name, rank, 3) for rank in range(3)]
        assert torch.cat([getattr(each, name).y for each in own]).tolist() == getattr(samples, name).y.tolist()
        assert all(each.train is samples.train for each in own)
    assert to_evaluate(samples, "val", 0, 1) is samples
