"""What every network offers before it is built: its name, its settings, and what its output means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from torch import nn

#: of `Model.output`, for error messages
OUTPUT_DESCRIPTIONS = {
    **{"scores": "scores classes", "image": "draws images", "point": "is a single point"},
    "tokens": "predicts the next token of text",
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """Base of all networks. Fields are configuration keys; `name` is the value of `model.name`.

    Files of this package import torch inside `build`, not at their top: `--help` and a mistyped override answer
    without waiting for torch.
    """

    name: ClassVar[str]
    #: "scores": one logit a class; "image": one logit a pixel of the input; "point": itself, whatever the input is;
    #: "tokens": of (n, length) int64 tokens, (n, length, types) logits of each one's next token
    output: ClassVar[Literal["scores", "image", "point", "tokens"]] = "scores"
    #: the fewest pixels of an image's side that leave something after the network's strides and pools
    smallest: ClassVar[int] = 1
    #: whether the network carries a state from batch to batch: it then has `reset_state()`, and the state is part of
    #: its state_dict
    stateful: ClassVar[bool] = False

    def validate(self) -> None:
        """Raise ValueError for a combination of fields that can't be."""

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError if samples of `shape` (channels, height, width), of text (context,), can't go through it."""
        if any(side < self.smallest for side in shape[1:]):
            size = "x".join(map(str, shape[1:]))
            raise ValueError(
                f"model={self.name} needs images of at least {self.smallest}x{self.smallest} pixels, not {size}"
            )

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the network for samples of `shape`, as for `check_shape`, freshly initialised on the CPU.

        classes: of the data; of text the types of its vocabulary.
        """
        raise NotImplementedError
