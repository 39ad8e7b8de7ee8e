"""Momo, MomoAdam as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.momo import MomoConfig
from ..rules.momo_adam import MomoAdamConfig


class Momo(ComposedOptimizer):
    """f, d, gamma <- running means of the loss, of g and of <g, p>, with beta;  p <- (p - tau d) / (1 + lr wd),
    tau = min(lr / rho, max((1 + lr wd) (f - rho lb - gamma) + <d, p>, 0) / ||d||^2)   over all parameters at once.

    lr in [0, inf), the largest step size; beta in [0, 1); weight_decay (wd) in [0, inf), proximal; lb in
    (-inf, inf), a lower bound of the loss; bias_correction: rho = 1 - beta^k, else 1; use_fstar: estimate the
    bound online, never below lb. Needs the loss: step(loss=loss), unscaled, of this batch, or step(closure).
    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, ICML 2024, algorithm 1; fstar as in the authors' package
    momo-opt, whose defaults these are.
    Deviations: with use_fstar the package moves the bound once for every group, here it moves once a step, by the
    first group's numbers. Step count, loss mean and bound are in the state_dict. Without gradients 0/0 is no step.
    A parameter without a gradient is left out of the sums. Groups that differ in lr, weight_decay or lb have each
    their own tau, of the same sums. As in the package, where loss or gradient is nan tau is lr / rho.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Momo
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> loss = p.square().sum() / 2                  # 12.5, with minimum 0: Polyak's step is 12.5 / 25
    >>> loss.backward()
    >>> Momo([p], lr=10.0).step(loss=loss).item()
    12.5
    >>> p.tolist()
    [1.5, 2.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        weight_decay: float = 0.0,
        beta: float = 0.9,
        lb: float = 0.0,
        bias_correction: bool = False,
        use_fstar: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = MomoConfig(lr, weight_decay, beta, lb, bias_correction, use_fstar)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class MomoAdam(ComposedOptimizer):
    """f, d, v, gamma <- running means of the loss, g, g^2 and <g, p>;  D = sqrt(v / (1 - beta2^k)) + eps
    p <- (p - tau d / D) / (1 + lr wd),  rho = 1 - beta1^k
    tau = min(lr / rho, max((1 + lr wd) (f - rho lb - gamma) + <d, p>, 0) / <d, d / D>)   over all parameters at once.

    lr in [0, inf), the largest step size, at which this is Adam's step; betas: two values in [0, 1); eps in
    [0, inf); weight_decay (wd) in [0, inf); lb in (-inf, inf), a lower bound of the loss; divide: proximal decay,
    else p <- (1 - lr wd) p - tau d / D; use_fstar: estimate the bound online, never below lb.
    Needs the loss: step(loss=loss), unscaled, of this batch, or step(closure).
    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, ICML 2024, algorithm 2; divide and fstar as in the
    authors' package momo-opt, whose defaults these are.
    Deviations: those of Momo.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import MomoAdam
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> loss = p.square().sum() / 2                  # d / D is 0.1 sign(p), and the model meets 0 at half the way
    >>> loss.backward()
    >>> MomoAdam([p], lr=10.0).step(loss=loss).item()
    12.5
    >>> [round(x, 4) for x in p.tolist()]
    [1.2143, 2.2143]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        lb: float = 0.0,
        divide: bool = True,
        use_fstar: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = MomoAdamConfig(lr, betas, eps, weight_decay, lb, divide, use_fstar)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
