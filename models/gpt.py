"""GPT: a decoder of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

COUNT = {"range": "[1, inf)"}


@dataclass(frozen=True, kw_only=True)
class GPT(Model):
    """Tokens + learnt positions -> `depth` pre-norm blocks -> LayerNorm -> logits of the next token.

    A block is x + attention(norm(x)), then x + mlp(norm(x)); attention is causal, the MLP has 4 dim hidden units and
    GELU. Dropout is of the attention weights, after each block's two branches and after positions are added. Weights
    are N(0, 0.02^2), those of the two maps into the residual stream N(0, 0.02^2 / (2 depth)); biases 0.
    Sources: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019 (GPT-2), section 2.3; the
    initialisation and the absence of biases are nanoGPT's (A. Karpathy): 10,745,088 parameters at 6 layers, 384 wide,
    65 types and a context of 256; 804,096 in its network for a CPU, 4 layers, 128 wide, a context of 64. Deviation:
    GELU is exact, as nanoGPT's (GPT-2's is the tanh approximation).
    """

    name: ClassVar[str] = "gpt"
    output: ClassVar[Literal["scores", "image", "point", "tokens"]] = "tokens"

    depth: int = field(default=2, metadata=COUNT)
    dim: int = field(default=64, metadata=COUNT)
    heads: int = field(default=2, metadata=COUNT)
    positions: int | None = field(default=None, metadata=COUNT)  # the longest context; None: data.context
    dropout: float = field(default=0.0, metadata={"range": "[0, 1)"})
    bias: bool = False  # of linear layers and norms
    tied: bool = True  # the embedding's weights are also the output layer's

    def validate(self) -> None:
        if self.dim % self.heads:
            raise ValueError(f"model.heads={self.heads} does not divide model.dim={self.dim}")

    def check_shape(self, shape: tuple[int, ...]) -> None:
        if self.positions is not None and shape[0] > self.positions:
            raise ValueError(f"data.context={shape[0]} is longer than model.positions={self.positions}")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        from models.layers.decoder import Decoder

        network = Decoder(
            nn.Embedding(classes, self.dim),
            nn.Embedding(self.positions or shape[0], self.dim),
            nn.Dropout(self.dropout),
            nn.Sequential(*(layer for _ in range(self.depth) for layer in self.block())),
            nn.LayerNorm(self.dim, bias=self.bias),
            nn.Linear(self.dim, classes, bias=False),
        )
        self.initialise(network)
        if self.tied:
            network.head.weight = network.tokens.weight
        return network

    def block(self) -> tuple[nn.Module, nn.Module]:
        from torch import nn

        from models.layers.decoder import CausalAttention
        from models.layers.transformer import Added

        dim, bias = self.dim, self.bias
        attention = CausalAttention(dim, self.heads, bias, self.dropout)
        mlp = nn.Linear(dim, 4 * dim, bias=bias), nn.GELU(), nn.Linear(4 * dim, dim, bias=bias)
        return (
            Added(nn.LayerNorm(dim, bias=bias), attention, nn.Dropout(self.dropout)),
            Added(nn.LayerNorm(dim, bias=bias), *mlp, nn.Dropout(self.dropout)),
        )

    def initialise(self, network: nn.Module) -> None:
        """Draw the weights; the last linear layer of each branch is the one into the residual stream."""
        from torch import nn

        from models.layers.transformer import Added

        branches = [module for module in network.modules() if isinstance(module, Added)]
        last = {[each for each in branch.modules() if isinstance(each, nn.Linear)][-1] for branch in branches}
        for module in network.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02 / (2 * self.depth) ** 0.5 if module in last else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
