"""Prodigy as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.prodigy import ProdigyConfig


class Prodigy(ComposedOptimizer):
    """c = d^2 lr;  r <- sqrt(beta2) r + c <g, p0 - p>;  s <- sqrt(beta2) s + c g;  d_next = max(d, d_coef r / ||s||_1)
    m <- beta1 m + (1 - beta1) d g;  v <- beta2 v + (1 - beta2) d^2 g^2
    p <- p - d lr (m / (sqrt(v) + d_next eps) + weight_decay p);  d <- d_next.

    p0 is the parameter before its first step; <., .> and the 1-norm sum over all parameters of all groups; d, which
    starts at d0, and r are the optimizer's.
    lr in [0, inf), a factor that is to be left at 1 or scheduled down from there; betas: two values in [0, 1); eps in
    (0, inf); weight_decay in [0, inf); decoupled_weight_decay=False: added to g; use_bias_correction: the step, and c,
    times sqrt(1 - beta2^t) / (1 - beta1^t); safeguard_warmup: s without lr, for schedules that start at 0; d0 in
    (0, inf), well below the distance to the solution; d_coef in (0, inf), a factor on the estimate, by which to tune.
    A group's d_coef and d0 weigh its parameters in r, and in r and s; d starts at the constructor's d0.
    Source: Mishchenko and Defazio, ICML 2024, the algorithm's version of Adam, in the form of the authors' package
    prodigyopt 1.1.2, with its defaults.
    Deviations: as in the package, r and s lack the factor 1 - sqrt(beta2) and are over d0, which cancels, and eps has
    d_next, where the paper has d. The package refuses groups that differ in lr, here each has its own c, and it leaves
    the state of a group alone whose lr is 0. It has growth_rate, beta3 and slice_p, which are not here.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Prodigy
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Prodigy([p])
    >>> for n in range(21):                           # p starts 1 away from its minimum
    ...     p.grad = p.detach().sign()
    ...     optimizer.step()
    ...     if n % 10 == 0:
    ...         print(f"{float(optimizer.param_groups[0]['d']):.1e} {p.item():.2f}")
    1.0e-06 1.00
    9.9e-03 0.97
    4.3e-01 -0.24
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = True,
        use_bias_correction: bool = False,
        safeguard_warmup: bool = False,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = ProdigyConfig(
            lr, betas, eps, weight_decay, decoupled_weight_decay, use_bias_correction, safeguard_warmup, d0, d_coef
        )
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
