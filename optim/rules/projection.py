"""Take the radial part out of the step of scale-invariant weights.

AdamP    AdamMoments, Projection
SGDP     DampedMomentum, Projection

One transform does projection and decay: both add a multiple of the weights to the step, and whether a tensor is
projected also decides how much of the decay it gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..arithmetic import axpy, choose, each, is_zero
from ..transform import Context, Transform

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class Projection(Transform):
    """u <- u - (w.u) w + r weight_decay p,  w = p / (||p|| + eps) and r = wd_ratio, if p looks scale-invariant:
    |cos(g, p)| < delta / sqrt(elements), in every row (first index), else over the whole tensor.
    If neither holds, or p has fewer than two dimensions, u <- u + weight_decay p.

    eps is that of the group, declared by the transform before.
    """

    weight_decay: float
    delta: float
    wd_ratio: float

    def decay(self, h: Hyper) -> Any:
        """What a step of lr takes off each weight, over lr."""
        return h["weight_decay"]

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        decay = self.decay(h)
        return each(lambda u, g, p: _projected(u, g, p, decay, h), u, ctx.g, p)

    def metric_terms(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        return {"projected": _is_projected(ctx.g, p, h) * p.numel(), "numel": p.new_full((), p.numel())}

    def metrics(self, sums: dict[str, Tensor], g: State, h: Hyper) -> dict[str, Tensor]:
        """The fraction of all weights that belong to projected tensors."""
        return {"projected": sums["projected"] / sums["numel"].clamp_min(1)}


def _projected(u: Tensor, g: Tensor, p: Tensor, decay: Any, h: Hyper) -> Tensor:
    if p.ndim < 2 or not p.numel():
        return u if is_zero(decay) else axpy(decay, p, u)
    u_rows, g_rows, p_rows = (x.reshape(p.shape[0], -1) for x in (u, g, p))
    up, gp = (u_rows * p_rows).sum(1), (g_rows * p_rows).sum(1)
    g_norm, p_norm = g_rows.norm(dim=1), p_rows.norm(dim=1)
    by_row, radial_of_row = _radial(up, gp, g_norm, p_norm, p_rows.shape[1], h)
    by_tensor, radial = _radial(up.sum(), gp.sum(), g_norm.norm(), p_norm.norm(), p.numel(), h)
    reduced = h["wd_ratio"] * decay
    weight = choose(by_tensor, lambda: reduced - radial, lambda: decay)
    weight = choose(by_row, lambda: reduced - radial_of_row, lambda: weight)
    return u.addcmul(p, weight.reshape(-1, *[1] * (p.ndim - 1)))


def _radial(up: Tensor, gp: Tensor, g_norm: Tensor, p_norm: Tensor, size: int, h: Hyper) -> tuple[Tensor, Tensor]:
    """Whether g is orthogonal to p in every row, and the multiple of p that is u's radial part."""
    cosine = gp.abs() / (g_norm.clamp_min(h["eps"]) * p_norm.clamp_min(h["eps"]))
    return cosine.amax() < h["delta"] / size**0.5, up / (p_norm + h["eps"]) ** 2


def _is_projected(g: Tensor, p: Tensor, h: Hyper) -> Tensor:
    """1 where p's step loses its radial part, else 0; 0-dim."""
    if p.ndim < 2 or not p.numel():
        return p.new_zeros(())
    g_rows, p_rows = (x.reshape(p.shape[0], -1) for x in (g, p))
    gp, g_norm, p_norm = (g_rows * p_rows).sum(1), g_rows.norm(dim=1), p_rows.norm(dim=1)
    by_row, _ = _radial(gp, gp, g_norm, p_norm, p_rows.shape[1], h)
    by_tensor, _ = _radial(gp.sum(), gp.sum(), g_norm.norm(), p_norm.norm(), p.numel(), h)
    return (by_row | by_tensor).to(p.dtype)
