"""Parts of a text: one contiguous stream of tokens on the device, cut into batches of inputs and next tokens.

    windows    samples of `context` tokens each that do not overlap, in any order
    stream     a batch's rows are columns side by side, each contiguous; the next batch goes on where this one ended

A batch is x (n, length) and y (n, length), int64, with y[i, t] the token after x[i, t]. Tokens are kept in the smallest
type that holds them and become int64 a batch at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    import torch
    from torch import Tensor

    from data.samples import Batches

JITTER_SD = 5.0  # tokens, of the lengths of a stream's pieces around their mean
SHORT = 0.05  # probability of a mean of half the context
SHORTEST = 5  # tokens


@dataclass(frozen=True)
class Windows:
    """Windows of `context` tokens that do not overlap. shifts: for training, whose windows begin at 0..context-1.

    A last partial window is left out, and one more where the windows are shifted, so that their number is always the
    same. chosen: numbers of the windows that are the samples; None: all.
    """

    tokens: Tensor  # (tokens,)
    context: int
    shifts: bool = False
    chosen: Tensor | None = None
    note: str = ""

    @property
    def y(self) -> Tensor:
        """The next tokens of every window (n, context)."""
        return self.window_pairs(0)[1]

    @property
    def device(self) -> torch.device:
        return self.tokens.device

    @property
    def num_windows(self) -> int:
        """Of the whole stream: the last token of a window needs one after it."""
        return (len(self.tokens) - (self.context if self.shifts else 1)) // self.context

    def __len__(self) -> int:
        return self.num_windows if self.chosen is None else len(self.chosen)

    def to(self, device: str) -> Windows:
        chosen = self.chosen if self.chosen is None else self.chosen.to(device)
        return replace(self, tokens=self.tokens.to(device), chosen=chosen)

    def take(self, index: Tensor) -> Windows:
        chosen = index.to(self.device)
        return replace(self, chosen=chosen if self.chosen is None else self.chosen[chosen])

    def limited(self, limit: int | None) -> Windows:
        import torch

        return self if limit is None or limit >= len(self) else self.take(torch.arange(limit))

    def augmented(self) -> Windows:
        raise NotImplementedError("tokens are not augmented")

    def in_turn(self, order: Tensor, batch_size: int, start: int, seed: int) -> Batches:
        """Batches of the windows in `order`, which begin at a token that is drawn from `seed`."""
        from numpy.random import default_rng

        shift = int(default_rng(seed).integers(self.context)) if self.shifts else 0
        x, y = self.window_pairs(shift)
        for index in order.to(self.device).split(batch_size)[start:]:
            yield x.index_select(0, index).long(), y.index_select(0, index).long()

    def in_order(self, size: int) -> Batches:
        x, y = self.window_pairs(0)
        for x_part, y_part in zip(x.split(size), y.split(size), strict=True):
            yield x_part.long(), y_part.long()

    def window_pairs(self, shift: int) -> tuple[Tensor, Tensor]:
        """The samples' windows (n, context), the first of the stream's beginning at `shift`, and their next tokens."""
        n = self.num_windows * self.context
        x, y = (self.tokens[at : at + n].view(-1, self.context) for at in (shift, shift + 1))
        if self.chosen is None:
            return x, y
        return x.index_select(0, self.chosen), y.index_select(0, self.chosen)


@dataclass(frozen=True)
class Stream:
    """Columns of a stream, of which each batch is the next piece: `context` tokens, fewer in the last.

    jitter: for training, the lengths of pieces of an epoch are drawn from its seed (`jittered_lengths`). The number of
    samples is that of the pieces' rows: a batch of `rows` each.
    """

    columns: Tensor  # (rows, tokens)
    context: int
    jitter: bool = False
    note: str = ""

    @classmethod
    def of(cls, tokens: Tensor, rows: int, context: int, jitter: bool = False) -> Stream:
        """tokens: (tokens,), cut into `rows` columns of one length; what is left over at the end is left out."""
        length = len(tokens) // rows
        return cls(tokens[: rows * length].view(rows, length), context, jitter)

    @property
    def y(self) -> Tensor:
        """The next tokens of each column (rows, tokens - 1)."""
        return self.columns[:, 1:]

    @property
    def device(self) -> torch.device:
        return self.columns.device

    @property
    def num_predicted(self) -> int:
        """Tokens of a column that are predicted: all but the first."""
        return self.columns.shape[1] - 1

    @property
    def num_pieces(self) -> int:
        if not self.jitter:
            return -(-self.num_predicted // self.context)
        return max(1, round(self.num_predicted / mean_length(self.context)))

    def __len__(self) -> int:
        return len(self.columns) * self.num_pieces

    def to(self, device: str) -> Stream:
        return replace(self, columns=self.columns.to(device))

    def take(self, index: Tensor) -> Stream:
        raise NotImplementedError("the batches of a stream follow each other: no sample can be taken out")

    def limited(self, limit: int | None) -> Stream:
        """The first pieces of every column: `limit` of their rows at most. Raises ValueError for less than a batch."""
        if limit is None or limit >= len(self):
            return self
        pieces = limit // len(self.columns)
        if not pieces:
            raise ValueError(f"{limit} is less than the {len(self.columns)} columns of a stream, which are one batch")
        length = round(pieces * mean_length(self.context)) if self.jitter else pieces * self.context
        return replace(self, columns=self.columns[:, : length + 1])

    def augmented(self) -> Stream:
        raise NotImplementedError("tokens are not augmented")

    def in_turn(self, order: Tensor, batch_size: int, start: int, seed: int) -> Batches:
        """An epoch's batches in the stream's own order, from batch `start` on."""
        if batch_size != len(self.columns):
            raise ValueError(f"a batch of this stream has {len(self.columns)} rows, not {batch_size}")
        lengths = jittered_lengths(self.num_predicted, self.num_pieces, self.context, seed) if self.jitter else None
        yield from self.pieces(self.equal_lengths() if lengths is None else lengths, start)

    def in_order(self, size: int) -> Batches:
        return self.pieces(self.equal_lengths())

    def equal_lengths(self) -> list[int]:
        whole, left = divmod(self.num_predicted, self.context)
        return [self.context] * whole + [left] * bool(left)

    def pieces(self, lengths: list[int], start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        begin = sum(lengths[:start])
        for length in lengths[start:]:
            x, y = (self.columns[:, at : at + length].long() for at in (begin, begin + 1))
            yield x, y
            begin += length


def jittered_lengths(total: int, num_pieces: int, context: int, seed: int) -> list[int]:
    """Lengths of `num_pieces` pieces that are `total` tokens together.

        mean = context with probability .95, else context / 2
        length = max(5, int(N(mean, 5)))

    Source: Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models", ICLR 2018, section 4.1, and
    its code (main.py). Deviation: there an epoch ends when the stream does, so that epochs differ in their number of
    steps. Here the ends of the pieces drawn are scaled to the stream's: a length differs by one or not at all where the
    draws' sum is near its mean, and every epoch has as many steps.
    """
    from numpy.random import default_rng

    generator = default_rng(seed)
    is_short = generator.random(num_pieces) < SHORT
    drawn = generator.normal(0.0, JITTER_SD, num_pieces)
    lengths = [max(SHORTEST, int(mean + z)) for mean, z in zip(means(is_short, context), drawn, strict=True)]
    end, ends = 0, [0]
    for length in lengths:
        end += length
        ends.append(end * total)
    ends = [each // end for each in ends]
    return [after - before for before, after in zip(ends, ends[1:], strict=False)]


def means(is_short: numpy.ndarray, context: int) -> list[float]:
    return [context / 2 if short else float(context) for short in is_short]


def mean_length(context: int) -> float:
    """Mean of the lengths drawn by `jittered_lengths`: the sum of the probabilities of reaching 1, 2, 3, ... tokens."""

    def mean(middle: float) -> float:
        last = int(middle + 10 * JITTER_SD)
        above = (math.erfc((k - middle) / JITTER_SD / math.sqrt(2)) / 2 for k in range(SHORTEST + 1, last))
        return SHORTEST + sum(above)

    return (1 - SHORT) * mean(context) + SHORT * mean(context / 2)
