"""LARS: each layer moves by the same fraction of its norm, whatever its gradient's.

LARS                                                     every tensor is a layer
LARS([{"params": weights}, {"params": others, "trust_coefficient": 0, "weight_decay": 0}])
                                                         the others, biases and norms, take plain momentum steps
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import accumulate_, axpy, choose, each, is_zero, norm, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class LayerwiseMomentum(Transform):
    """ratio = trust_coefficient ||p|| / (||u|| + weight_decay ||p|| + eps), 1 if either norm or the coefficient is 0
    v <- momentum v + lr ratio (u + weight_decay p);  u <- v.

    lr is inside v, so applies_lr.
    """

    applies_lr: ClassVar[bool] = True
    momentum: float
    weight_decay: float
    trust_coefficient: float
    eps: float

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"v": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        return accumulate_(s["v"], each(lambda u, p: self._scaled(u, p, h), u, p), h["momentum"])

    def _scaled(self, u: Tensor, p: Tensor, h: Hyper) -> Tensor:
        decay, rate = h["weight_decay"], h["lr"]
        if not is_zero(trust := h["trust_coefficient"]):
            p_norm, u_norm = norm(p), norm(u)
            ratio = trust * p_norm / (u_norm + decay * p_norm + h["eps"])
            adapts = (p_norm > 0) & (u_norm > 0) & (trust > 0)
            rate = rate * choose(adapts, lambda: ratio, lambda: 1.0)
        return u.mul(rate).to(u.dtype) if is_zero(decay) else axpy(decay, p, u).mul_(rate)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("v",)


@dataclass(frozen=True)
class LARSConfig(OptimizerConfig):
    """Configuration of optim.LARS, where the arguments are documented."""

    name: ClassVar[str] = "lars"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(1.0, "[0, inf)")
    momentum: float = ranged(0.9, "[0, 1)")
    weight_decay: float = ranged(5e-4, "[0, inf)")
    trust_coefficient: float = ranged(1e-3, "[0, inf)")
    eps: float = ranged(0.0, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        return (LayerwiseMomentum(self.momentum, self.weight_decay, self.trust_coefficient, self.eps),)
