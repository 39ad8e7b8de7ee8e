"""Cases of the methods of recent years: a configuration, and the optimizer that it must equal.

pytorch_optimizer has most of them, without these, for which the reference is the formula:
LAMB: its debiasing is outside the norms, so that it changes the learning rate, as in torch_optimizer; both clip ||p||.
ADOPT: its decoupled decay already acts at the first step, and its clipping counts from there, unlike the authors'.
Muon: torch's and the package's iterate in bfloat16. The formula has the singular values from torch.linalg.svd instead
of an iteration; test_modern.py compares with both packages as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_optimizer
import torch
from references import B1, B2, BETAS, DECAY, EPS, LR, built_by, formula, moments, torch_optimizer

import optim
from optim.rules.adan import AdanConfig
from optim.rules.ademamix import AdEMAMixConfig
from optim.rules.adopt import ADOPTConfig
from optim.rules.lamb import LAMBConfig
from optim.rules.lion import LionConfig
from optim.rules.muon import MuonConfig
from optim.rules.signum import SignumConfig


def lamb(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """You et al., ICLR 2020, algorithm 2, with phi(z) = z."""
    m, v = moments(g, s)
    r = m / (1 - B1**t) / (torch.sqrt(v / (1 - B2**t)) + EPS) + DECAY * p
    return r * (p.square().sum() / r.square().sum()) ** 0.5


def lamb_excluding(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    if p.ndim > 1:
        return lamb(g, p, t, s)
    m, v = moments(g, s)
    return m / (1 - B1**t) / (torch.sqrt(v / (1 - B2**t)) + EPS)


def adopt_decoupled(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """Taniguchi et al., NeurIPS 2024, clipped by c_t = t^(1/4); its v_0 = g_0^2 is the first step here."""
    if t == 1:
        s["v"], s["m"] = g**2, 0 * g
        return 0 * p
    c = (t - 1) ** 0.25
    s["m"] = B1 * s["m"] + (1 - B1) * (g / s["v"].sqrt().clamp(min=EPS)).clamp(-c, c)
    s["v"] = B2 * s["v"] + (1 - B2) * g**2
    return s["m"] + DECAY * p


def muon(scale: Callable[[int, int], float], nesterov: bool) -> Callable[..., torch.Tensor]:
    """Jordan et al., 2024, by the singular value decomposition: the iteration acts on each singular value alone."""

    def u(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
        s["m"] = B1 * s.get("m", 0 * g) + (1 - B1) * g
        m = B1 * s["m"] + (1 - B1) * g if nesterov else s["m"]
        matrix = m.flatten(1) if m.ndim > 1 else m.reshape(1, -1)
        left, x, right = torch.linalg.svd(matrix, full_matrices=False)
        x = x / matrix.square().sum().sqrt()
        for _ in range(5):
            x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
        return scale(*matrix.shape) * (left * x @ right).reshape(p.shape) + DECAY * p

    return u


_ADAM = {"betas": BETAS, "eps": EPS, "weight_decay": DECAY}
_THREE = (0.8, 0.95, 0.9)
_SLOW = (0.8, 0.95, 0.999)
_MIX = {"betas": _SLOW, "eps": EPS, "weight_decay": DECAY, "alpha": 3.0}
_COUNTED_LATE = {"clip_lambda": lambda step: (step - 1) ** 0.25}  # from the second step, as the paper and the authors

MODERN: dict[str, tuple[optim.OptimizerConfig, Callable[[Any], torch.optim.Optimizer]]] = {
    "lion": (
        LionConfig(LR, (0.8, 0.95), DECAY),
        built_by(pytorch_optimizer.Lion, betas=(0.8, 0.95), weight_decay=DECAY),
    ),
    "signum": (
        SignumConfig(LR, 0.8, DECAY),
        built_by(pytorch_optimizer.SignSGD, momentum=0.8, weight_decay=DECAY, weight_decouple=False),
    ),
    "signum_decoupled": (
        SignumConfig(LR, 0.8, DECAY, decoupled_weight_decay=True),
        built_by(pytorch_optimizer.SignSGD, momentum=0.8, weight_decay=DECAY),
    ),
    "lamb": (LAMBConfig(LR, BETAS, EPS, DECAY), formula(lamb)),
    "lamb_biased": (
        LAMBConfig(LR, BETAS, EPS, DECAY, bias_correction=False),
        built_by(torch_optimizer.Lamb, clamp_value=1e9, **_ADAM),
    ),
    "lamb_exclude_1d": (LAMBConfig(LR, BETAS, EPS, DECAY, exclude_1d=True), formula(lamb_excluding)),
    "adan": (
        AdanConfig(LR, _THREE, EPS, DECAY),
        built_by(pytorch_optimizer.Adan, betas=_THREE, eps=EPS, weight_decay=DECAY),
    ),
    "adopt": (
        ADOPTConfig(LR, BETAS, EPS, DECAY),
        built_by(pytorch_optimizer.ADOPT, **_COUNTED_LATE, **_ADAM),
    ),
    "adopt_unclipped": (
        ADOPTConfig(LR, BETAS, 0.5, DECAY, clip=False),
        built_by(pytorch_optimizer.ADOPT, clip_lambda=None, betas=BETAS, eps=0.5, weight_decay=DECAY),
    ),
    "adopt_decoupled": (ADOPTConfig(LR, BETAS, EPS, DECAY, decoupled_weight_decay=True), formula(adopt_decoupled)),
    "ademamix": (
        AdEMAMixConfig(LR, **_MIX, alpha_warmup=20, beta3_warmup=20),
        built_by(pytorch_optimizer.AdEMAMix, t_alpha_beta3=20, weight_decouple=True, **_MIX),
    ),
    "ademamix_constant": (
        AdEMAMixConfig(LR, **_MIX),
        built_by(pytorch_optimizer.AdEMAMix, weight_decouple=True, **_MIX),
    ),
    "muon": (MuonConfig(LR, DECAY, B1), formula(muon(lambda n, m: max(1, n / m) ** 0.5, True))),
    "muon_match_rms_adamw": (
        MuonConfig(LR, DECAY, B1, nesterov=False, adjust_lr_fn="match_rms_adamw"),
        formula(muon(lambda n, m: 0.2 * max(n, m) ** 0.5, False)),
    ),
}
