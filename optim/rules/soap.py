"""SOAP: Adam in the basis of eigenvectors of Shampoo's preconditioner.

SOAP     EigenbasisMoments, DecoupledDecay

A tensor of more than two dimensions counts as a matrix, its first dimension by all others; one of fewer than two, and a
side of more than max_precondition_dim, keeps its own basis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import choose, copy_, each, ema_, lerp_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, Transform
from .decay import DecoupledDecay

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State

_NAMES = ("m", "v", "left", "left_basis", "right", "right_basis")


@dataclass(frozen=True)
class EigenbasisMoments(Transform):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) (QL^T u QR)^2;  k = t - 1
    u <- sqrt(1 - beta2^k) / (1 - beta1^k) QL (QL^T m QR / (sqrt(v) + eps)) QR^T,  but 0 and no moments at t = 1
    left <- beta2 left + (1 - beta2) u u^T;  right <- beta2 right + (1 - beta2) u^T u,  of the gradient u
    QL, QR: the eigenvectors of left and right at t = 1;  QL <- qr(left QL), QR alike when precondition_frequency | k.
    """

    eager_only: ClassVar[bool] = True
    betas: tuple[float, float]
    eps: float
    precondition_frequency: int
    max_precondition_dim: int

    def init(self, p: Tensor, h: Hyper) -> State:
        state = {"m": zeros(p), "v": zeros(p)}
        sides = {"left": p.shape[0], "right": math.prod(p.shape[1:])} if p.ndim > 1 else {}
        for name, size in sides.items():
            if size <= self.max_precondition_dim:
                state |= {name: p.new_zeros(size, size), f"{name}_basis": p.new_zeros(size, size)}
        return state

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        names = [name for name in _NAMES if name in s]
        own = [s[name] for name in names]
        return each(lambda u, *own: self._step(u, dict(zip(names, own, strict=True)), h, ctx), u, *own)

    def _step(self, u: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        (beta1, beta2), first = h["betas"], ctx.t == 1
        k = choose(first, lambda: 1, lambda: ctx.t - 1)
        g, gain = _matrix(u), choose(first, lambda: 0.0, lambda: 1.0)
        m = lerp_(s["m"], u, (1 - beta1) * gain)
        v = lerp_(s["v"], _project(g, s).square().reshape(u.shape), (1 - beta2) * gain)
        scaled = _project(_matrix(m), s) / _matrix(v).sqrt().add_(h["eps"])
        u = _project(scaled, s, back=True).reshape(u.shape).mul_((1 - beta2**k) ** 0.5 / (1 - beta1**k))
        for name, gram in (("left", lambda: g @ g.mT), ("right", lambda: g.mT @ g)):
            if name in s:
                self._rotate(ema_(s[name], gram(), beta2), s[f"{name}_basis"], ctx.t)
        return u

    def _rotate(self, gram: Tensor, basis: Tensor, t: Any) -> None:
        """Bring the basis up to date: eigenvectors at first, then a step of the power iteration now and then."""
        from torch.linalg import eigh, qr

        def refreshed() -> Tensor:
            return choose((t - 1) % self.precondition_frequency == 0, lambda: qr(gram @ basis)[0], lambda: basis)

        # eigh refuses what is not finite
        copy_(basis, choose(t == 1, lambda: eigh(gram.nan_to_num(0, 0, 0))[1].flip(1), refreshed))

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


def _matrix(x: Tensor) -> Tensor:
    return x.flatten(1) if x.ndim > 1 else x


def _project(x: Tensor, s: State, back: bool = False) -> Tensor:
    """QL^T x QR, or, back from the basis, QL x QR^T."""
    if (q := s.get("left_basis")) is not None:
        x = (q if back else q.mT) @ x
    if (q := s.get("right_basis")) is not None:
        x = x @ (q.mT if back else q)
    return x


@dataclass(frozen=True)
class SOAPConfig(OptimizerConfig):
    """Configuration of optim.SOAP, where the arguments are documented."""

    name: ClassVar[str] = "soap"
    momentum_key: ClassVar[str] = "betas"
    lr: float = ranged(3e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.95, 0.95), "[0, 1)")
    eps: float = ranged(1e-8, "(0, inf)")
    weight_decay: float = ranged(0.01, "[0, inf)")
    precondition_frequency: int = ranged(10, "[1, inf)")
    max_precondition_dim: int = ranged(10000, "[0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        moments = EigenbasisMoments(self.betas, self.eps, self.precondition_frequency, self.max_precondition_dim)
        return moments, DecoupledDecay(self.weight_decay)
