"""What decoders of text are made of: causal attention, and the way from tokens to logits.

Shapes: tokens (n, length) int64; vectors (n, length, dim); logits (n, length, types).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class CausalAttention(nn.Module):
    """Attention of each position to itself and those before it, in `heads` heads.

    dropout: of the attention weights, while training.
    """

    def __init__(self, dim: int, heads: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.out = nn.Linear(dim, dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()  # (n, heads, length, dim / heads) each
        dropout = self.dropout if self.training else 0.0
        attended = scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        return self.out(attended.transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    """Tokens -> logits of each one's next token. positions: of as many tokens as a sample has at most."""

    def __init__(
        self,
        tokens: nn.Embedding,
        positions: nn.Embedding,
        dropout: nn.Module,
        blocks: nn.Module,
        norm: nn.Module,
        head: nn.Linear,
    ) -> None:
        super().__init__()
        self.tokens, self.positions, self.dropout = tokens, positions, dropout
        self.blocks, self.norm, self.head = blocks, norm, head

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[-1], device=x.device)
        return self.head(self.norm(self.blocks(self.dropout(self.tokens(x) + self.positions(places)))))
