"""Muon: momentum whose singular values are all brought near 1, for the hidden matrices of a network.

Muon     OrthogonalMomentum, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..arithmetic import each, ema_, lerp, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: a steep start, so that small singular values grow fast
EPS = 1e-7  # the least norm that is divided by


@dataclass(frozen=True)
class OrthogonalMomentum(Transform):
    """m <- momentum m + (1 - momentum) u;  u <- momentum m + (1 - momentum) u with nesterov, else m
    u <- scale orthogonalized(u), of u as a matrix: its first dimension by all others.

    scale: sqrt(max(1, rows / columns)) for original, 0.2 sqrt(max(rows, columns)) for match_rms_adamw.
    """

    momentum: float
    nesterov: bool
    ns_steps: int
    adjust_lr_fn: str
    bfloat16: bool

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        m = ema_(s["m"], u, h["momentum"])
        return each(self._scaled, lerp(u, m, h["momentum"]) if self.nesterov else m)

    def _scaled(self, u: Tensor) -> Tensor:
        if not u.numel():
            return u
        matrix = u.reshape(u.shape[0] if u.ndim > 1 else 1, -1)
        rows, columns = matrix.shape
        scale = max(1, rows / columns) ** 0.5 if self.adjust_lr_fn == "original" else 0.2 * max(rows, columns) ** 0.5
        return orthogonalized(matrix, self.ns_steps, self.bfloat16).mul(scale).reshape(u.shape)

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


def orthogonalized(u: Tensor, steps: int, bfloat16: bool = False) -> Tensor:
    """U f(S / ||S||) V^T for u = U S V^T, where f, `steps` times a x + b x^3 + c x^5, is near 1 but close to 0.

    Newton and Schulz's iteration: products of matrices only.
    """
    (a, b, c), is_tall = COEFFICIENTS, u.shape[0] > u.shape[1]
    x = u.bfloat16() if bfloat16 else u
    x = x.mT if is_tall else x  # x x^T as small as it can be
    x = x / x.norm().clamp_min(EPS)
    for _ in range(steps):
        gram = x @ x.mT
        x = x.addmm(gram.addmm(gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if is_tall else x).to(u.dtype)


@dataclass(frozen=True)
class MuonConfig(OptimizerConfig):
    """Configuration of optim.Muon, where the arguments are documented."""

    name: ClassVar[str] = "muon"
    momentum_key: ClassVar[str] = "momentum"
    lr: float = ranged(0.02, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    momentum: float = ranged(0.95, "[0, 1)")
    nesterov: bool = True
    ns_steps: int = ranged(5, "[1, 100)")
    adjust_lr_fn: str = ranged("original", "{original, match_rms_adamw}")
    bfloat16: bool = False

    def transforms(self) -> tuple[Transform, ...]:
        momentum = OrthogonalMomentum(self.momentum, self.nesterov, self.ns_steps, self.adjust_lr_fn, self.bfloat16)
        return momentum, DecoupledDecay(self.weight_decay)
