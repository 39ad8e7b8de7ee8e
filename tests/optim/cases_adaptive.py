"""More cases of adaptive methods, for cases.py: a configuration, and what it must equal to 1e-12.

Adafactor: both packages factor the last two dimensions of a tensor, so they are given matrices here. torch's has eps
elsewhere (it does not matter when small), torch_optimizer's has it as the paper, but is wrong beyond two dimensions.
"""

from __future__ import annotations

from typing import Any

import prodigyopt
import pytorch_optimizer
import torch
from references import (
    B1,
    B2,
    BETAS,
    DECAY,
    EPS,
    LR,
    built_by,
    decoupled,
    formula,
    moments,
    on_matrices,
    torch_optimizer,
)

from optim.rules.adabelief import AdaBeliefConfig
from optim.rules.adafactor import AdafactorConfig
from optim.rules.prodigy import ProdigyConfig
from optim.rules.qhadam import QHAdamConfig
from optim.rules.qhm import QHMConfig
from optim.rules.soap import SOAPConfig
from optim.rules.yogi import YogiConfig

_ADAM = {"betas": BETAS, "eps": EPS, "weight_decay": DECAY}
_NUS = (0.6, 0.8)
_START = 0.3  # Yogi's second moment, which gradients of both smaller and larger squares then move
_PRODIGY = {"lr": 0.9, "betas": BETAS, "eps": EPS, "weight_decay": DECAY, "d0": 0.01, "d_coef": 1.3}


def yogi(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """The authors' code, tensorflow_addons: eps beside the biased root, m from 0."""
    g = g + DECAY * p
    s["m"] = B1 * s.get("m", 0 * g) + (1 - B1) * g
    v = s.get("v", torch.full_like(g, _START))
    s["v"] = v + (1 - B2) * torch.sign(g**2 - v) * g**2
    return (1 - B2**t) ** 0.5 / (1 - B1**t) * s["m"] / (torch.sqrt(s["v"]) + EPS)


def yogi_from_zero(params: Any) -> torch.optim.Optimizer:
    """torch_optimizer's, with m from 0; its eps is beside the debiased root, so there is none here."""
    made = torch_optimizer.Yogi(params, LR, BETAS, 0.0, _START, DECAY)
    for p in made.param_groups[0]["params"]:
        start = {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.full_like(p, _START)}
        made.state[p] = {"step": 0, **{name: x.detach() for name, x in start.items()}}
    return made


def qhadam(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """Ma and Yarats, section 5, with decoupled decay."""
    m, v = moments(g, s)
    mean = (1 - _NUS[0]) * g + _NUS[0] * m / (1 - B1**t)
    square = (1 - _NUS[1]) * g**2 + _NUS[1] * v / (1 - B2**t)
    return mean / (torch.sqrt(square) + EPS) + DECAY * p


def soap(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """Vyas et al., algorithms 3 and 4, a new basis every 3 steps, no step at first, sides of at most 4."""
    x = g.reshape(g.shape[0], -1) if g.ndim > 1 else g.reshape(1, -1)
    grams, steps = (x @ x.T, x.T @ x), torch.zeros_like(p)
    eye = [torch.eye(len(a), dtype=a.dtype) for a in grams]
    sides = [g.ndim > 1 and len(a) <= 4 for a in grams]
    left, right = s["q"] if t > 1 else eye
    if t > 1:
        s["m"] = B1 * s.get("m", 0) + (1 - B1) * x
        s["v"] = B2 * s.get("v", 0) + (1 - B2) * (left.T @ x @ right) ** 2
        mean, square = s["m"] / (1 - B1 ** (t - 1)), s["v"] / (1 - B2 ** (t - 1))
        eps = EPS / (1 - B2 ** (t - 1)) ** 0.5
        steps = (left @ (left.T @ mean @ right / (square.sqrt() + eps)) @ right.T).reshape(g.shape)
    s["a"] = [B2 * a + (1 - B2) * new for a, new in zip(s.get("a", (0, 0)), grams, strict=True)]
    if t == 1:
        bases = [torch.linalg.eigh(a)[1].flip(1) for a in s["a"]]
    else:
        bases = [torch.linalg.qr(a @ q)[0] if (t - 1) % 3 == 0 else q for a, q in zip(s["a"], s["q"], strict=True)]
    s["q"] = [q if side else one for q, side, one in zip(bases, sides, eye, strict=True)]
    return steps + DECAY * p


def prodigy(**settings: Any) -> Any:
    return lambda params: prodigyopt.Prodigy(params, **_PRODIGY, **settings)


ADAPTIVE = {
    "adabelief": (AdaBeliefConfig(LR, **_ADAM), decoupled(built_by(torch_optimizer.AdaBelief, betas=BETAS, eps=EPS))),
    "adabelief_l2": (
        AdaBeliefConfig(LR, decoupled_weight_decay=False, **_ADAM),
        built_by(torch_optimizer.AdaBelief, **_ADAM),
    ),
    "adabelief_rectified": (
        AdaBeliefConfig(LR, rectify=True, **_ADAM),
        built_by(pytorch_optimizer.AdaBelief, rectify=True, **_ADAM),
    ),
    "yogi": (YogiConfig(LR, BETAS, EPS, _START, DECAY), formula(yogi)),
    "yogi_package": (YogiConfig(LR, BETAS, 0.0, _START, DECAY), yogi_from_zero),
    "qhm": (QHMConfig(LR, 0.9, 0.7, DECAY), built_by(torch_optimizer.QHM, momentum=0.9, weight_decay=DECAY)),
    "qhadam": (QHAdamConfig(LR, nus=_NUS, **_ADAM), built_by(torch_optimizer.QHAdam, nus=_NUS, **_ADAM)),
    "qhadam_decoupled": (QHAdamConfig(LR, nus=_NUS, decoupled_weight_decay=True, **_ADAM), formula(qhadam)),
    "adafactor": (
        AdafactorConfig(0.5, -0.7, (1e-30, 0.4), 1.2, DECAY),
        lambda ps: on_matrices(torch.optim.Adafactor)(
            ps, lr=0.5, beta2_decay=-0.7, eps=(1e-30, 0.4), d=1.2, weight_decay=DECAY
        ),
    ),
    "adafactor_fixed_rate": (
        AdafactorConfig(LR, -0.7, (1e-2, 0.4), 0.8, relative_step=False),
        built_by(
            on_matrices(torch_optimizer.Adafactor),
            decay_rate=-0.7,
            eps2=(1e-2, 0.4),
            clip_threshold=0.8,
            relative_step=False,
        ),
    ),
    "adafactor_unscaled": (
        AdafactorConfig(LR, -0.5, (1e-2, 0.4), 0.8, relative_step=False, scale_parameter=False),
        built_by(
            on_matrices(torch_optimizer.Adafactor),
            decay_rate=-0.5,
            eps2=(1e-2, 0.4),
            clip_threshold=0.8,
            relative_step=False,
            scale_parameter=False,
        ),
    ),
    "prodigy": (ProdigyConfig(**_PRODIGY), prodigy()),
    "prodigy_l2_corrected": (
        ProdigyConfig(decoupled_weight_decay=False, use_bias_correction=True, safeguard_warmup=True, **_PRODIGY),
        prodigy(decouple=False, use_bias_correction=True, safeguard_warmup=True),
    ),
    "soap": (SOAPConfig(LR, BETAS, EPS, DECAY, 3, 4), formula(soap)),
    "soap_fixed_basis": (
        SOAPConfig(LR, BETAS, EPS, 0.0, 999, 4),
        built_by(
            on_matrices(pytorch_optimizer.SOAP),
            betas=BETAS,
            eps=EPS,
            weight_decay=0.0,
            precondition_frequency=999,
            max_precondition_dim=4,
        ),
    ),
}
