"""AWD-LSTM: an LSTM language model that is regularised everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

COUNT = {"range": "[1, inf)"}
PROBABILITY = {"range": "[0, 1)"}
STRENGTH = {"range": "[0, inf)"}


@dataclass(frozen=True, kw_only=True)
class AWDLSTM(Model):
    """Embedding -> `layers` LSTM layers, the last as wide as the embedding where tied -> scores of the next token.

    Dropout has one mask over time; embeddings are dropped by types, recurrent weights one by one. In training the
    activation penalty ar mean(h_dropped^2) and its temporal form tar mean((h_{t+1} - h_t)^2), of the last layer's
    output h, are added to the loss that is differentiated, and not to the one that is reported.
    Embeddings start as U(-0.1, 0.1), other weights as U(-1/sqrt(H), 1/sqrt(H)), H the layer's width, the decoder's bias
    as 0. The recurrent state goes on from batch to batch: `data.cut=stream`.
    Source: Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models", ICLR 2018; the defaults are
    those of github.com/salesforce/awd-lstm-lm (24,221,600 parameters for Penn Treebank's 10,000 types).
    Deviations: none in the network.
    """

    name: ClassVar[str] = "awd_lstm"
    output: ClassVar[Literal["scores", "image", "point", "tokens"]] = "tokens"
    stateful: ClassVar[bool] = True

    embedding: int = field(default=400, metadata=COUNT)
    hidden: int = field(default=1150, metadata=COUNT)
    layers: int = field(default=3, metadata=COUNT)
    embedding_dropout: float = field(default=0.1, metadata=PROBABILITY)  # of whole types
    input_dropout: float = field(default=0.65, metadata=PROBABILITY)  # of the embedded text
    hidden_dropout: float = field(default=0.3, metadata=PROBABILITY)  # between layers
    dropout: float = field(default=0.4, metadata=PROBABILITY)  # of the last layer's output
    weight_dropout: float = field(default=0.5, metadata=PROBABILITY)  # of recurrent weights
    tied: bool = True  # the decoder's matrix is the embedding's
    ar: float = field(default=2.0, metadata=STRENGTH)
    tar: float = field(default=1.0, metadata=STRENGTH)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from models.layers.awd_lstm import AWDLSTMNetwork

        last = self.embedding if self.tied else self.hidden
        widths = [self.embedding, *[self.hidden] * (self.layers - 1), last]
        drops = self.embedding_dropout, self.input_dropout, self.hidden_dropout, self.dropout, self.weight_dropout
        return AWDLSTMNetwork(classes, widths, *drops, tied=self.tied, ar=self.ar, tar=self.tar)
