"""Which samples of a batch each process takes, so that together they do what one process does.

A batch goes through the network in passes (one, or `accumulate` of them), and every pass is shared by all processes.
They average their gradients, so the mean loss of the m samples of a process weighs m * size / n in a batch of n: the
average is then the gradient of the batch's mean, however unequal the shares are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from data.samples import Samples


@dataclass(frozen=True)
class Shard:
    """One process's samples of one pass: places start to stop of the batch.

    counted: how many of them count, in losses, metrics and gradients; together: samples in the pass.
    """

    start: int
    stop: int
    counted: int
    together: int

    @property
    def taken(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class BatchSharding:
    """full: samples in a pass, all processes together; a batch's last pass may be smaller."""

    full: int
    rank: int = 0
    size: int = 1

    def shares(self, n: int) -> list[Shard]:
        """This process's share in each pass of a batch of n samples.

        Where a pass has fewer samples than there are processes, those that are left over take its first sample and
        count it zero times: they pass through the network like the rest, for all average their gradients together.
        """
        return list(self._shares(n))

    def _shares(self, n: int) -> Iterator[Shard]:
        for begin in range(0, n, self.full):
            together = min(self.full, n - begin)
            start, stop = bounds(together, self.rank, self.size)
            if start == stop:
                yield Shard(begin, begin + 1, 0, together)
            else:
                yield Shard(begin + start, begin + stop, stop - start, together)

    def taken(self, n: int) -> int:
        """Samples of a batch of n that pass through this process."""
        return sum(share.taken for share in self.shares(n))

    def order(self, order: Tensor, batch_size: int) -> Tensor:
        """The samples of an epoch that this process takes: `taken(batch_size)` of each batch in turn."""
        import torch

        whole = len(order) // batch_size * batch_size
        last = order[whole:]
        batches = order[:whole].reshape(-1, batch_size)
        return torch.cat((batches[:, self._places(batch_size)].flatten(), last[self._places(len(last))]))

    def _places(self, n: int) -> Tensor:
        import torch

        return torch.tensor([i for share in self.shares(n) for i in range(share.start, share.stop)], dtype=torch.long)


def bounds(n: int, rank: int, size: int) -> tuple[int, int]:
    """Start and stop of the share of `rank` in n things: contiguous, equal but for one, the larger ones first."""
    each, left = divmod(n, size)
    start = rank * each + min(rank, left)
    return start, start + each + (rank < left)


def to_evaluate(samples: Samples, part: str, rank: int, size: int) -> Samples:
    """The samples with this process's share of "val" or "test" for the whole; each sample is in one share."""
    if size == 1:
        return samples
    import torch

    whole = getattr(samples, part)
    return replace(samples, **{part: whole.take(torch.arange(*bounds(len(whole), rank, size)))})
