"""Recurrent networks of text: LSTM and GRU, each window from a zero state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

COUNT = {"range": "[1, inf)"}


@dataclass(frozen=True, kw_only=True)
class Recurrent(Model):
    """Base: tokens -> embedding -> dropout -> `depth` recurrent layers, dropout between -> dropout -> logits.

    The state is zero at the start of every window: nothing is carried from batch to batch. Dropout is where Zaremba,
    Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014, have it; weights are PyTorch's,
    U(-1/sqrt(dim), 1/sqrt(dim)), the embedding's drawn from the same. tied (Press and Wolf, EACL 2017; Inan et al.,
    ICLR 2017): the embedding's weights are also the output layer's.
    """

    output: ClassVar[Literal["scores", "image", "point", "tokens"]] = "tokens"
    cell: ClassVar[str]

    depth: int = field(default=2, metadata=COUNT)
    dim: int = field(default=256, metadata=COUNT)  # of embeddings and hidden states
    dropout: float = field(default=0.0, metadata={"range": "[0, 1)"})
    tied: bool = False

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        from models.layers.recurrent import RecurrentDecoder

        between = self.dropout if self.depth > 1 else 0.0  # torch warns of a dropout between the layers of one layer
        layers = getattr(nn, self.cell)(self.dim, self.dim, self.depth, batch_first=True, dropout=between)
        embedding, head = nn.Embedding(classes, self.dim), nn.Linear(self.dim, classes)
        nn.init.uniform_(embedding.weight, -(self.dim**-0.5), self.dim**-0.5)
        if self.tied:
            head.weight = embedding.weight
        return RecurrentDecoder(embedding, nn.Dropout(self.dropout), layers, head)


@dataclass(frozen=True, kw_only=True)
class LSTM(Recurrent):
    """torch's LSTM (Hochreiter and Schmidhuber, Neural Computation 1997)."""

    name: ClassVar[str] = "lstm"
    cell: ClassVar[str] = "LSTM"


@dataclass(frozen=True, kw_only=True)
class GRU(Recurrent):
    """torch's GRU (Cho et al., EMNLP 2014, with its second bias inside the reset gate's product)."""

    name: ClassVar[str] = "gru"
    cell: ClassVar[str] = "GRU"
