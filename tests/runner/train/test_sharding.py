"""Batches split over processes, in one process: each sample counts once, and weighted means are the batch's."""

import pytest
import torch

from data.samples import Part, Samples
from runner.train.sharding import BatchSharding, evaluation_shard, shard_bounds

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
        shards = BatchSharding(full, rank, size).shards(n)
        assert len(shards) == -(-n // full)  # all processes make the same passes
        assert sum(shard.pass_size for shard in shards) == n
        for shard in shards:
            assert shard.size >= 1 and shard.counted in (0, shard.size)
            counts[shard.start : shard.start + shard.counted] += 1
    assert counts.tolist() == [1] * n


@pytest.mark.parametrize(("n", "full", "size"), CASES)
def test_the_average_of_weighted_means_is_the_mean_of_the_batch(n, full, size):
    values = torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    average = 0.0
    for rank in range(size):
        for shard in BatchSharding(full, rank, size).shards(n):
            average += shard.counted * size / n * values[shard.start : shard.stop].mean() / size
    torch.testing.assert_close(average, values.mean(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("samples", [0, 1, 2, 12, 13, 25, 36, 40])
@pytest.mark.parametrize(("full", "size"), [(12, 1), (12, 2), (4, 3), (5, 4)])
def test_an_epochs_order_is_split_batch_by_batch(samples, full, size):
    """Split by `local_size`, a process's order is its shard of batch after batch, the smaller last one too."""
    batch_size, order = 12, torch.randperm(samples, generator=torch.Generator().manual_seed(1))
    for rank in range(size):
        sharding = BatchSharding(full, rank, size)
        local = sharding.local_order(order, batch_size).split(sharding.local_size(batch_size)) if samples else ()
        batches = order.split(batch_size) if samples else ()
        assert len(local) == len(batches)
        for part, batch in zip(local, batches, strict=True):
            shards = sharding.shards(len(batch))
            assert torch.equal(part, torch.cat([batch[shard.start : shard.stop] for shard in shards]))


@pytest.mark.parametrize(("full", "size"), [(12, 1), (12, 2), (4, 3), (5, 4)])
def test_every_process_reads_the_sample_before_each_of_its_own(full, size):
    batch_size, order = 12, torch.randperm(19, generator=torch.Generator().manual_seed(1))
    for rank in range(size):
        sharding = BatchSharding(full, rank, size)
        read = sharding.local_order(order, batch_size, pairs=True).split(sharding.local_size(batch_size, pairs=True))
        local = sharding.local_order(order, batch_size).split(sharding.local_size(batch_size))
        before = sharding.local_order(torch.cat([each.roll(1) for each in order.split(batch_size)]), batch_size)
        for x, own, other, n in zip(read, local, before.split(len(local[0])), (12, 7), strict=True):
            found = sharding.pairs(x, n)
            assert torch.equal(found[0], own) and torch.equal(found[1], other)


def test_one_process_takes_the_order_as_it_is():
    order = torch.randperm(50)
    assert torch.equal(BatchSharding(4).local_order(order, 12), order)


def test_shards_differ_by_one_sample_at_most():
    assert [shard_bounds(10, rank, 4) for rank in range(4)] == [(0, 3), (3, 6), (6, 8), (8, 10)]
    assert [shard_bounds(2, rank, 3) for rank in range(3)] == [(0, 1), (1, 2), (2, 2)]


def test_only_the_evaluated_part_is_split():
    parts = [Part(torch.arange(n).reshape(n, 1, 1, 1), torch.arange(n)) for n in (9, 7, 2)]
    samples = Samples(*parts)
    for name in ("val", "test"):
        local = [evaluation_shard(samples, name, rank, 3) for rank in range(3)]
        assert torch.cat([getattr(each, name).y for each in local]).tolist() == getattr(samples, name).y.tolist()
        assert all(each.train is samples.train for each in local)
    assert evaluation_shard(samples, "val", 0, 1) is samples
