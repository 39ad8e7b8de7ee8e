"""Denominator of Adam-type updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Context, Hyper


def denominator(v: Tensor, h: Hyper, ctx: Context, eps_inside_sqrt: bool = False) -> Tensor:
    """(1 - beta1^t) (sqrt(v / (1 - beta2^t)) + eps): m's debiasing is put here, in a new tensor, to save a pass.

    eps_inside_sqrt: (1 - beta1^t) sqrt((v + eps) / (1 - beta2^t)).
    """
    beta1, beta2, *_ = h["betas"]
    t = ctx.t
    whole = 1 - beta1**t
    scale = whole / (1 - beta2**t) ** 0.5
    if eps_inside_sqrt:
        return v.add(h["eps"]).sqrt_().mul_(scale)
    return v.sqrt().mul_(scale).add_(whole * h["eps"])
