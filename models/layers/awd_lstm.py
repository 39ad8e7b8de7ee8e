"""AWD-LSTM: dropout of one mask over time, of whole embeddings and of recurrent weights; state carried over batches.

Shapes: tokens (length, n); features (length, n, width), time first, as PyTorch's LSTM is fastest.
Masks are drawn from torch's global generator, as nn.Dropout draws them, and divided by the chance to be kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

LSTMState = tuple[Tensor, Tensor]  # h and c, (n, hidden) each


def keep_mask(like: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """A mask that is 0 with chance p, else 1 / (1 - p)."""
    return like.new_empty(shape).bernoulli_(1 - p).div_(1 - p)


class LockedDropout(nn.Module):
    """Drop features of a sequence by one mask for all its time steps (Gal and Ghahramani, NeurIPS 2016)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * keep_mask(x, x.shape[1:], self.p) if self.training and self.p else x


class DroppedEmbedding(nn.Embedding):
    """An embedding that drops whole types: each row of the matrix is kept or dropped in all places of a batch."""

    def __init__(self, types: int, width: int, p: float) -> None:
        super().__init__(types, width)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        embedded = super().forward(x)
        if not (self.training and self.p):
            return embedded
        return embedded * keep_mask(embedded, (self.num_embeddings, 1), self.p)[x]


class DropConnectLSTM(nn.LSTM):
    """One LSTM layer whose recurrent weights are dropped anew for every sequence (DropConnect, Wan et al., ICML 2013).

    The dropped weights are arguments of torch's functional LSTM; the parameters stay those of nn.LSTM.
    """

    def __init__(self, width: int, hidden: int, p: float) -> None:
        super().__init__(width, hidden)
        self.p = p

    def forward(self, x: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """(output, state after the last time step). state: before the first; None: zero."""
        recurrent = functional.dropout(self.get_parameter("weight_hh_l0"), self.p, self.training)
        weights = [self.weight_ih_l0, recurrent, self.bias_ih_l0, self.bias_hh_l0]
        h, c = state or (x.new_zeros(x.shape[1], self.hidden_size), x.new_zeros(x.shape[1], self.hidden_size))
        with warnings.catch_warnings():  # cuDNN copies the weights into one block, and says so each time
            warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
            output, h, c = torch.lstm(x, [h[None], c[None]], weights, True, 1, 0.0, self.training, False, False)
        return output, (h[0], c[0])


class AWDLSTMNetwork(nn.Module):
    """Tokens (n, length) -> logits (n, length, types); in training (logits, penalty) where ar or tar is not 0.

    widths: of the embedding and of each LSTM layer's output. n columns are n texts side by side: a batch goes on where
    the one before ended, until `reset_state`. Training and evaluation are told apart by the caller, who resets the
    state between them. The state is detached, and part of state_dict.
    """

    def __init__(
        self,
        types: int,
        widths: Sequence[int],
        embedding_dropout: float,
        input_dropout: float,
        hidden_dropout: float,
        dropout: float,
        weight_dropout: float,
        tied: bool,
        ar: float,
        tar: float,
    ) -> None:
        super().__init__()
        self.embedding = DroppedEmbedding(types, widths[0], embedding_dropout)
        self.widths = list(zip(widths, widths[1:], strict=False))  # of each layer's input and output
        self.layers = nn.ModuleList(DropConnectLSTM(*each, weight_dropout) for each in self.widths)
        drops = [hidden_dropout] * (len(self.layers) - 1) + [dropout]
        self.input_dropout = LockedDropout(input_dropout)
        self.dropouts = nn.ModuleList(map(LockedDropout, drops))
        self.decoder = nn.Linear(widths[-1], types)
        self.ar, self.tar = ar, tar
        self.state: list[LSTMState] | None = None
        if tied:
            self.decoder.weight = self.embedding.weight
        for weight in (self.embedding.weight, self.decoder.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        dropped = self.input_dropout(self.embedding(x.t()))
        raw, states = dropped, []
        for number, (layer, dropout) in enumerate(zip(self.layers, self.dropouts, strict=True)):
            raw, state = layer(dropped, self.state[number] if self.state else None)
            states.append((state[0].detach(), state[1].detach()))
            dropped = dropout(raw)
        self.state = states
        logits = self.decoder(dropped.transpose(0, 1))
        return (logits, self.penalty(raw, dropped)) if self.training and (self.ar or self.tar) else logits

    def penalty(self, raw: Tensor, dropped: Tensor) -> Tensor:
        """ar mean(dropped^2) + tar mean((raw_{t+1} - raw_t)^2) of the last layer's output."""
        wide = torch.promote_types(raw.dtype, torch.float32)  # of bfloat16, as the loss
        total = self.ar * dropped.to(wide).square().mean()
        return total + self.tar * raw.to(wide).diff(dim=0).square().mean() if len(raw) > 1 else total

    def reset_state(self) -> None:
        """Start from a zero state with the next batch."""
        self.state = None

    def get_extra_state(self) -> Tensor:
        """(n, numbers): h and c of all layers side by side; (0,) before the first batch."""
        return torch.empty(0) if self.state is None else torch.cat([x for pair in self.state for x in pair], 1)

    def set_extra_state(self, state: Tensor) -> None:
        """Go on from a saved state, also one of other columns."""
        if not state.numel():
            self.state = None
            return
        widths = [width for _, width in self.widths for _ in "hc"]
        parts = state.to(self.decoder.weight.device).split(widths, 1)
        self.state = list(zip(parts[::2], parts[1::2], strict=True))
