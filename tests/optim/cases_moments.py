"""Rows of the table in optimizer_cases: methods with second moments, and momentum with decoupled decay.

Where no package is right, or none is worth depending on, the reference is the formula, in float64: `ByFormula`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import adabound
import torch

from optim.rules.adabound import AdaBoundConfig, AMSBoundConfig
from optim.rules.adadelta import AdadeltaConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.amsgrad import AMSGradConfig
from optim.rules.nadam import NAdamConfig
from optim.rules.radam import RAdamConfig, RAdamWConfig
from optim.rules.rmsprop import RMSpropConfig
from optim.rules.sgdw import SGDWConfig

LR, BETAS, EPS, DECAY = 0.05, (0.8, 0.95), 1e-6, 0.1
B1, B2 = BETAS


class ByFormula(torch.optim.Optimizer):
    """p <- p - lr u(g, p, t, s), where s is a dict that the formula keeps its tensors in."""

    def __init__(self, params: Any, u: Callable[..., Any]) -> None:
        super().__init__(params, {"lr": LR})
        self.u, self.t = u, 0

    @torch.no_grad()
    def step(self) -> None:  # type: ignore
        self.t += 1
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * self.u(p.grad, p, self.t, self.state[p]))


def moments(g: torch.Tensor, s: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    s["m"] = B1 * s.get("m", 0 * g) + (1 - B1) * g
    s["v"] = B2 * s.get("v", 0 * g) + (1 - B2) * g**2
    return s["m"], s["v"]


def amsgrad_before(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """optax.amsgrad: the maximum of the debiased v."""
    m, v = moments(g + DECAY * p, s)
    s["max"] = torch.maximum(s.get("max", 0 * v), v / (1 - B2**t))
    return m / (1 - B1**t) / (torch.sqrt(s["max"]) + EPS)


def amsgrad_never(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """Reddi et al., algorithm 2."""
    m, v = moments(g, s)
    s["max"] = torch.maximum(s.get("max", 0 * v), v)
    return m / (torch.sqrt(s["max"]) + EPS)


def radam(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """Liu et al., algorithm 2, with L2."""
    m, v = moments(g + DECAY * p, s)
    return rectified(m / (1 - B1**t), v, t)


def radamw_nesterov(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    m, v = moments(g, s)
    ahead = B1 * m / (1 - B1 ** (t + 1)) + (1 - B1) * g / (1 - B1**t)
    return rectified(ahead, v, t) + DECAY * p


def rectified(mean: torch.Tensor, v: torch.Tensor, t: int) -> torch.Tensor:
    rho_inf = 2 / (1 - B2) - 1
    rho = rho_inf - 2 * t * B2**t / (1 - B2**t)
    if rho <= 4:
        return mean
    r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
    return r * mean * (1 - B2**t) ** 0.5 / (torch.sqrt(v) + EPS)


def formula(u: Callable[..., Any]) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda params: ByFormula(params, u)


def by_torch(kind: Any, **settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda params: kind(params, lr=LR, **settings)


def decoupled(make: Callable[[Any], torch.optim.Optimizer]) -> Callable[[Any], torch.optim.Optimizer]:
    """Weight decay beside the method: every weight shrinks by the factor 1 - lr DECAY, then the method steps."""

    def shrink(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.data *= 1 - group["lr"] * DECAY

    def made(params: Any) -> torch.optim.Optimizer:
        optimizer = make(params)
        optimizer.register_step_pre_hook(shrink)
        return optimizer

    return made


def nadam(**settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
    """torch.optim.NAdam, which keeps the product of its mu_t in the default dtype: here made float64."""

    def made(params: Any) -> torch.optim.Optimizer:
        optimizer = torch.optim.NAdam(params, lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY, **settings)
        optimizer.register_step_pre_hook(lambda *_: torch.set_default_dtype(torch.float64))
        optimizer.register_step_post_hook(lambda *_: torch.set_default_dtype(torch.float32))
        return optimizer

    return made


def bounded(**settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda params: adabound.AdaBound(params, LR, BETAS, 0.04, 0.2, EPS, DECAY, **settings)


def rows(case: Any) -> dict[str, Any]:
    """name: Case(spec, number of buffers, reference)."""
    torch_adam = {"betas": BETAS, "eps": EPS, "weight_decay": DECAY}
    return {
        "sgdw": case(
            SGDWConfig(LR, 0.9, 0.4, DECAY), 1, decoupled(by_torch(torch.optim.SGD, momentum=0.9, dampening=0.4))
        ),
        "sgdw_nesterov": case(
            SGDWConfig(LR, 0.8, 0.0, DECAY, nesterov=True),
            1,
            decoupled(by_torch(torch.optim.SGD, momentum=0.8, nesterov=True)),
        ),
        "rmsprop": case(
            RMSpropConfig(LR, 0.9, EPS, DECAY), 1, by_torch(torch.optim.RMSprop, alpha=0.9, eps=EPS, weight_decay=DECAY)
        ),
        "rmsprop_centered": case(
            RMSpropConfig(LR, 0.9, EPS, 0.0, 0.8, centered=True),
            3,
            by_torch(torch.optim.RMSprop, alpha=0.9, eps=EPS, momentum=0.8, centered=True),
        ),
        "adamw": case(AdamWConfig(LR, BETAS, EPS, DECAY), 2, by_torch(torch.optim.AdamW, **torch_adam)),
        "adamw_amsgrad": case(
            AdamWConfig(LR, BETAS, EPS, DECAY, amsgrad=True), 3, by_torch(torch.optim.AdamW, amsgrad=True, **torch_adam)
        ),
        "amsgrad": case(
            AMSGradConfig(LR, BETAS, EPS, DECAY), 3, by_torch(torch.optim.Adam, amsgrad=True, **torch_adam)
        ),
        "amsgrad_before": case(AMSGradConfig(LR, BETAS, EPS, DECAY, "before"), 3, formula(amsgrad_before)),
        "amsgrad_never": case(AMSGradConfig(LR, BETAS, EPS, 0.0, "never"), 3, formula(amsgrad_never)),
        "nadam": case(NAdamConfig(LR, BETAS, EPS, DECAY), 2, nadam(), scalars=1),
        "nadam_constant": case(
            NAdamConfig(LR, BETAS, EPS, DECAY, 1e9, decoupled_weight_decay=True),
            2,
            nadam(momentum_decay=1e9, decoupled_weight_decay=True),
            scalars=1,
        ),
        "radam": case(RAdamConfig(LR, BETAS, EPS, DECAY), 2, formula(radam)),
        "radam_torch": case(
            RAdamConfig(LR, BETAS, EPS, DECAY, rho_threshold=5), 2, by_torch(torch.optim.RAdam, **torch_adam)
        ),
        "radamw": case(
            RAdamWConfig(LR, BETAS, EPS, DECAY, rho_threshold=5),
            2,
            by_torch(torch.optim.RAdam, decoupled_weight_decay=True, **torch_adam),
        ),
        "radamw_nesterov": case(RAdamWConfig(LR, BETAS, EPS, DECAY, nesterov=True), 2, formula(radamw_nesterov)),
        "adabound": case(AdaBoundConfig(LR, BETAS, 0.04, 0.2, EPS, DECAY), 2, bounded()),
        "amsbound": case(AMSBoundConfig(LR, BETAS, 0.04, 0.2, EPS, DECAY), 3, bounded(amsbound=True)),
        "adadelta": case(
            AdadeltaConfig(LR, 0.9, 1e-3, DECAY),
            2,
            by_torch(torch.optim.Adadelta, rho=0.9, eps=1e-3, weight_decay=DECAY),
        ),
    }
