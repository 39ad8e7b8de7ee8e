"""The way of a recurrent network from tokens to logits.

Shapes: tokens (n, length) int64; vectors (n, length, dim); logits (n, length, types).
"""

from __future__ import annotations

from torch import Tensor, nn


class RecurrentDecoder(nn.Module):
    """Tokens -> logits of each one's next token; the recurrent layers start from a zero state."""

    def __init__(self, embedding: nn.Embedding, dropout: nn.Module, layers: nn.RNNBase, head: nn.Linear) -> None:
        super().__init__()
        self.embedding, self.dropout, self.layers, self.head = embedding, dropout, layers, head

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.layers(self.dropout(self.embedding(x)))
        return self.head(self.dropout(hidden))
