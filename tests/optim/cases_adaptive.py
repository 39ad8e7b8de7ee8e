"""Rows of the table in optimizer_cases: steps that depend on the loss, on norms and on angles; general AggMo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import adamp
import momo
import torch

from optim.rules.adamp import AdamPConfig
from optim.rules.aggmo_general import AggMoGeneralConfig
from optim.rules.lars import LARSConfig
from optim.rules.momo import MomoConfig
from optim.rules.momo_adam import MomoAdamConfig
from optim.rules.sgdp import SGDPConfig
from optim.wrappers.lookahead import LookaheadWrapper

LR, DECAY = 0.05, 0.1


def in_double(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """momo-opt keeps <g, x> in the default dtype, whatever the parameters': good to 1e-7 only, but for this."""

    class Double(kind):
        def step(self, closure: Any = None, loss: Any = None) -> Any:
            torch.set_default_dtype(torch.float64)
            try:
                return super().step(closure, loss)  # type: ignore
            finally:
                torch.set_default_dtype(torch.float32)

    return Double


class PaperLARS(torch.optim.Optimizer):
    """You et al., 2017, algorithm 1, written out: the learning rate is inside the momentum."""

    def __init__(self, params: Any, exclude_1d: bool = False) -> None:
        super().__init__(params, {"lr": LR})
        self.exclude_1d = exclude_1d

    @torch.no_grad()
    def step(self) -> None:  # type: ignore
        for group in self.param_groups:
            for p in group["params"]:
                excluded = self.exclude_1d and p.ndim < 2
                decay = 0.0 if excluded else DECAY
                local = 0.3 * p.square().sum().sqrt() / (p.grad.square().sum().sqrt() + decay * p.square().sum().sqrt())
                local = 1.0 if excluded else local
                v = self.state[p].get("v", 0.0)
                self.state[p]["v"] = v = 0.9 * v + group["lr"] * local * (p.grad + decay * p)
                p.sub_(v)


def rows(case: Callable[..., Any]) -> dict[str, Any]:
    """The rows, as `case`s."""
    both = {"lr": LR, "weight_decay": DECAY}
    # the loss of these tests falls from 124 to about 0; at these bounds either term of tau decides some of 48 steps
    model, adam_model = {"lb": 0.0, **both}, {"lb": 25.0, "betas": (0.8, 0.95), "eps": 1e-6, **both}
    p = {"wd_ratio": 0.3, **both}
    adam_p = {"betas": (0.8, 0.95), "eps": 1e-6, "delta": 3.0, **p}
    sgd_p = {"momentum": 0.8, "dampening": 0.4, "delta": 1.0, **p}
    lars = {"momentum": 0.9, "trust_coefficient": 0.3, **both}
    nesterov = {"lr": LR, "momentum": 0.8, "weight_decay": DECAY}
    return {
        "momo": case(MomoConfig(**model), 1, lambda ps: in_double(momo.Momo)(ps, **model), scalars=1),
        "momo_corrected": case(
            MomoConfig(bias_correction=True, use_fstar=True, **model),
            1,
            lambda ps: in_double(momo.Momo)(ps, bias_correction=True, use_fstar=True, **model),
            scalars=1,
        ),
        "momo_adam": case(
            MomoAdamConfig(**adam_model), 2, lambda ps: in_double(momo.MomoAdam)(ps, **adam_model), scalars=1
        ),
        "momo_adam_fstar": case(
            MomoAdamConfig(divide=False, use_fstar=True, **adam_model),
            2,
            lambda ps: in_double(momo.MomoAdam)(ps, divide=False, use_fstar=True, **adam_model),
            scalars=1,
        ),
        "momo_pullback": case(MomoConfig(**model), 3, None, (LookaheadWrapper(3, 0.6, "pullback"),), scalars=2),
        "adamp": case(AdamPConfig(**adam_p), 2, lambda ps: adamp.AdamP(ps, **adam_p)),
        "adamp_nesterov": case(
            AdamPConfig(nesterov=True, **adam_p), 2, lambda ps: adamp.AdamP(ps, nesterov=True, **adam_p)
        ),
        "sgdp": case(SGDPConfig(**sgd_p), 1),  # the package is wrong: see test_optimizer_adaptive
        "sgdp_nesterov": case(SGDPConfig(nesterov=True, **sgd_p), 1, lambda ps: adamp.SGDP(ps, nesterov=True, **sgd_p)),
        "lars": case(LARSConfig(**lars), 1, PaperLARS),
        "lars_exclude_1d": case(LARSConfig(exclude_1d=True, **lars), 1, lambda ps: PaperLARS(ps, exclude_1d=True)),
        "aggmo_general": case(
            AggMoGeneralConfig(LR, (0.0, 0.8), (2.0, 1.6), DECAY),
            2,
            lambda ps: torch.optim.SGD(ps, nesterov=True, **nesterov),
        ),
    }
