"""What vision transformers are made of: patches, a class token with positions, attention, pre-norm blocks.

Shapes: images (n, channels, height, width); tokens (n, tokens, dim).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Patches(nn.Module):
    """Images -> their square patches, each a token of patch * patch * channels numbers, channels last."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        x = x.reshape(n, channels, height // self.patch, self.patch, width // self.patch, self.patch)
        return x.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


class ClassToken(nn.Module):
    """Put a learnt token before the others and add a learnt position to each; both start as N(0, 1)."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.positions = nn.Parameter(torch.randn(1, tokens + 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions


class Attention(nn.Module):
    """softmax(q k' / sqrt(dim_head)) v in each head, then a linear map of all heads together.

    dropout: of the attention weights, while training.
    """

    def __init__(self, dim: int, heads: int, dim_head: int, qkv_bias: bool, dropout: float) -> None:
        super().__init__()
        self.heads, self.dim_head, self.dropout = heads, dim_head, dropout
        self.qkv = nn.Linear(dim, 3 * heads * dim_head, bias=qkv_bias)
        self.out = nn.Linear(heads * dim_head, dim)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, self.dim_head))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()  # (n, heads, tokens, dim_head) each
        dropout = self.dropout if self.training else 0.0
        return self.out(scaled_dot_product_attention(q, k, v, dropout_p=dropout).transpose(1, 2).flatten(2))


class Added(nn.Module):
    """x -> x + body(x)."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class FirstToken(nn.Module):
    """Tokens -> the class token, (n, dim)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]
