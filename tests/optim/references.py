"""Independent implementations that the optimizers must equal: other packages, made exact, or the formula.

Where no package is right, or none is worth depending on, the reference is the formula, in float64: `ByFormula`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import adabound
import torch

with warnings.catch_warnings():
    # its modules use typing and torch names that have gone out of fashion; ours do not
    warnings.simplefilter("ignore")
    import torch_optimizer as torch_optimizer

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


def objax_adam(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """objax.optimizer.Adam: the root of v + eps, and v is not debiased in it. L2 as its users add it, to the loss."""
    m, v = moments(g + DECAY * p, s)
    return (1 - B2**t) ** 0.5 / (1 - B1**t) * m * torch.rsqrt(v + EPS)


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


class Sutskever(torch.optim.Optimizer):
    """v <- momentum v - lr (g + l2 p),  theta <- theta + v - lr decay theta: Sutskever et al., ICML 2013, eq. 1 and 2.

    nesterov (eq. 3 and 4): the parameters are theta + momentum v, where the gradient is taken, as in
    neural-net-optimization.
    """

    def __init__(
        self, params: Any, lr: float, momentum: float, nesterov: bool = False, l2: float = 0.0, decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr})
        self.momentum, self.nesterov, self.l2, self.decay = momentum, nesterov, l2, decay

    @torch.no_grad()
    def step(self) -> None:  # type: ignore
        for group in self.param_groups:
            for p in group["params"]:
                s, lr = self.state[p], group["lr"]
                s["v"] = self.momentum * s.get("v", 0 * p) - lr * (p.grad + self.l2 * p)
                s["theta"] = (1 - lr * self.decay) * s.get("theta", p.clone()) + s["v"]
                p.copy_(s["theta"] + self.momentum * s["v"] if self.nesterov else s["theta"])


def formula(u: Callable[..., Any]) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda params: ByFormula(params, u)


def built_by(kind: Any, **settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
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


def bounded(weight_decay: float = DECAY, **settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
    """adabound's AdaBound."""
    return lambda params: adabound.AdaBound(params, LR, BETAS, 0.04, 0.2, EPS, weight_decay, **settings)


def adaboundw(g: torch.Tensor, p: torch.Tensor, t: int, s: dict[str, Any]) -> torch.Tensor:
    """AdaBoundW of the authors' code, which their package lacks, at weight_decay LR DECAY: it leaves out the rate."""
    m, v = moments(g, s)
    rate = LR * (1 - B2**t) ** 0.5 / (1 - B1**t) / (torch.sqrt(v) + EPS)
    return rate.clamp(0.04 * (1 - 1 / (0.2 * t + 1)), 0.04 * (1 + 1 / (0.2 * t))) * m / LR + LR * DECAY * p / LR


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


def on_matrices(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Tensors of more than two dimensions as matrices, their first dimension by all others, in the same memory."""

    class OnMatrices(kind):
        def __init__(self, params: Any, **settings: Any) -> None:
            self.tensors = list(params)
            matrices = [x.detach().flatten(1) if x.ndim > 2 else x.detach() for x in self.tensors]
            super().__init__([torch.nn.Parameter(x) for x in matrices], **settings)

        def step(self, closure: Any = None) -> Any:
            for matrix, p in zip(self.param_groups[0]["params"], self.tensors, strict=True):
                matrix.grad = p.grad.reshape(matrix.shape)
            return super().step(closure)

    return OnMatrices


class PaperLARS(torch.optim.Optimizer):
    """You et al., 2017, algorithm 1, written out: the learning rate is inside the momentum. eps: objax.optimizer's."""

    def __init__(self, params: Any, exclude_1d: bool = False, eps: float = 0.0) -> None:
        super().__init__(params, {"lr": LR})
        self.exclude_1d, self.eps = exclude_1d, eps

    @torch.no_grad()
    def step(self) -> None:  # type: ignore
        for group in self.param_groups:
            for p in group["params"]:
                excluded = self.exclude_1d and p.ndim < 2
                decay = 0.0 if excluded else DECAY
                p_norm, g_norm = p.square().sum().sqrt(), p.grad.square().sum().sqrt()
                local = 0.3 * p_norm / (g_norm + decay * p_norm + self.eps)
                local = 1.0 if excluded else local
                v = self.state[p].get("v", 0.0)
                self.state[p]["v"] = v = 0.9 * v + group["lr"] * local * (p.grad + decay * p)
                p.sub_(v)
