"""The coordinates of the update that agree with the gradient in sign, scaled up for those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import each
from ..ranges import ranged
from ..transform import Context, Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class CautiousWrapper(Wrapper):
    """Transform of optim.Cautious, where the arguments are documented."""

    name: ClassVar = "cautious"
    place: ClassVar = "direction"
    scale: str = ranged("mean", "{mean, nnz}")

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        # the product of the signs, for that of the numbers may be 0 in float32
        agrees = (u.sign() * ctx.g.sign()).clamp_min(0)
        return u * each(self._scaled, agrees)

    def _scaled(self, agrees: Tensor) -> Tensor:
        if self.scale == "mean":
            return agrees / agrees.mean().clamp_min(1e-3)
        return agrees * (agrees.numel() / (agrees.sum() + 1))
