"""Denominator of Adam-type updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Context, Hyper


def denominator(v: Tensor, h: Hyper, ctx: Context) -> Tensor:
    """(1 - beta1^t) (sqrt(v / (1 - beta2^t)) + eps): m's debiasing is put here, in a new tensor, to save a pass."""
    beta1, beta2, *_ = h["betas"]
    t = ctx.t
    whole = 1 - beta1**t
    return v.sqrt().mul_(whole / (1 - beta2**t) ** 0.5).add_(whole * h["eps"])
