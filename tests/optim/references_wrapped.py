"""Independent implementations that wrapped optimizers must equal."""

from __future__ import annotations

from typing import Any

import schedulefree
import torch
from references import BETAS, DECAY, EPS, LR, moments

B1, B2 = BETAS


def schedule_free_sgd(params: Any) -> torch.optim.Optimizer:
    return training(
        schedulefree.SGDScheduleFree(params, LR, momentum=0.8, weight_decay=DECAY, r=1.5, weight_lr_power=1.0)
    )


def schedule_free_adamw(params: Any) -> torch.optim.Optimizer:
    return training(schedulefree.AdamWScheduleFree(params, LR, betas=(0.9, B2), eps=EPS, weight_decay=DECAY))


def training(optimizer: Any) -> torch.optim.Optimizer:
    optimizer.train()
    return optimizer


def cautious_adamw(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """The authors' C-AdamW: the mask over its mean, then the decay."""
    m, v = moments(g, s)
    u = m / (1 - B1**t) / (torch.sqrt(v / (1 - B2**t)) + EPS)
    agrees = (m * g > 0).double()
    return u * agrees / agrees.mean().clamp(min=1e-3) + DECAY * p


def mars_adamw(params: Any) -> torch.optim.Optimizer:
    """pytorch_optimizer's MARS with the cautious mask; eps is where Adam has it, and nothing else under the root."""
    from pytorch_optimizer import MARS

    class Exact(MARS):
        def apply_ams_bound(self, _: bool, v: torch.Tensor, __: Any, eps: float) -> torch.Tensor:  # type: ignore
            return v.sqrt() + eps * (1 - B2 ** self.param_groups[0]["step"]) ** 0.5  # divided by the same root then

    return Exact(
        params, LR, betas=BETAS, gamma=0.1, eps=EPS, weight_decay=DECAY, optimize_1d=True, cautious=True, foreach=False
    )
