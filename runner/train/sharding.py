"""Splits batches over processes so that together they compute what one process does.

A batch goes through the network in `accumulate` passes, and each pass is split over all processes, which average their
gradients. The mean loss over the m samples of one process is weighted by m * size / n in a batch of n samples: the
average over the processes is then the gradient of the batch's mean loss, also where shards differ in size.

Where samples are mixed with the ones before them in the batch, each process also reads the one before each shard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from data.samples import Samples


@dataclass(frozen=True)
class Shard:
    """One process's samples of one pass: positions `start` to `stop` of the batch.

    counted: how many of them count in losses, metrics and gradients: all or none. pass_size: samples in the pass over
    all processes.
    """

    start: int
    stop: int
    counted: int
    pass_size: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class BatchSharding:
    """full_pass: samples in a pass over all processes; a batch's last pass may be smaller."""

    full_pass: int
    rank: int = 0
    size: int = 1

    def shards(self, n: int) -> list[Shard]:
        """This process's shard of each pass of a batch of n samples.

        In a pass with fewer samples than processes, the processes without one take the pass's first sample and count
        it zero times: each must run the network, because the gradients are averaged over all processes.
        """
        return list(self._shards(n))

    def _shards(self, n: int) -> Iterator[Shard]:
        for offset in range(0, n, self.full_pass):
            pass_size = min(self.full_pass, n - offset)
            start, stop = shard_bounds(pass_size, self.rank, self.size)
            if start == stop:
                yield Shard(offset, offset + 1, 0, pass_size)
            else:
                yield Shard(offset + start, offset + stop, stop - start, pass_size)

    def local_size(self, n: int, pairs: bool = False) -> int:
        """Samples of a batch of n that go through this process's network; pairs: that it reads for `pairs`."""
        return len(self._positions(n, pairs))

    def local_order(self, order: Tensor, batch_size: int, pairs: bool = False) -> Tensor:
        """This process's samples of an epoch's order (indices, 1-d): `local_size(batch_size, pairs)` of each batch."""
        whole = len(order) // batch_size * batch_size
        last = order[whole:]
        batches = order[:whole].reshape(-1, batch_size)
        positions, last_positions = (torch.tensor(self._positions(n, pairs)).long() for n in (batch_size, len(last)))
        return torch.cat((batches[:, positions].flatten(), last[last_positions]))

    def _positions(self, n: int, pairs: bool) -> list[int]:
        before = 1 if pairs and self.size > 1 else 0
        return [i % n for shard in self.shards(n) for i in range(shard.start - before, shard.stop)]

    def pairs(self, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """This process's samples of a batch of n, and for each the one before it in the batch; the first sample's is
        the batch's last. x: what was read for them, in the order of `local_order(..., pairs=True)`."""
        if self.size == 1:
            return x, x.roll(1, 0)
        parts = x.split([shard.size + 1 for shard in self.shards(n)])
        return torch.cat([part[1:] for part in parts]), torch.cat([part[:-1] for part in parts])


def shard_bounds(n: int, rank: int, size: int) -> tuple[int, int]:
    """Start and stop of the shard of `rank` among n items; sizes differ by one at most, the larger ones come first."""
    each, remainder = divmod(n, size)
    start = rank * each + min(rank, remainder)
    return start, start + each + (rank < remainder)


def evaluation_shard(samples: Samples, part: str, rank: int, size: int) -> Samples:
    """The samples with "val" or "test" reduced to this process's shard; every sample is in one shard."""
    if size == 1:
        return samples
    whole = getattr(samples, part)
    return replace(samples, **{part: whole.take(torch.arange(*shard_bounds(len(whole), rank, size)))})
