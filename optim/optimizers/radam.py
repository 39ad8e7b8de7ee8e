"""RAdam, RAdamW as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.radam import RAdamConfig, RAdamWConfig


class RAdam(ComposedOptimizer):
    """Adam's step times r once rho > rho_threshold, and p <- p - lr m / (1 - beta1^t) before that, where
    rho = rho_inf - 2 t beta2^t / (1 - beta2^t), rho_inf = 2 / (1 - beta2) - 1, is how many gradients v averages
    and r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)) grows from 0 to 1.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root of the biased v;
    weight_decay in [0, inf), L2, or decoupled where decoupled_weight_decay says so; nesterov: step along
    Nadam's look-ahead, with a constant mu; rho_threshold an integer, at least 4: the paper's 4, by which
    beta2 = 0.999 divides from the 5th step on, or torch's 5, from the 6th. With beta2 <= 0.6 rho never gets there.
    Source: Liu et al., ICLR 2020, algorithm 2 (v4 of arXiv 1908.03265). Other defaults of torch.optim.RAdam.
    Deviations: eps, which the paper does not have, is where torch and the authors' code have it. Their code
    takes no step at all while rho is small; the paper and this take one.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import RAdam
    >>> p = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = RAdam([p], lr=0.125)
    >>> for _ in range(5):
    ...     p.grad = torch.tensor([2.0, -0.5], dtype=torch.float64)
    ...     optimizer.step()
    ...     print([round(x, 4) for x in p.tolist()])     # four steps of lr g, then one of lr r sign(g)
    [0.75, 1.0625]
    [0.5, 1.125]
    [0.25, 1.1875]
    [0.0, 1.25]
    [-0.0022, 1.2522]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        nesterov: bool = False,
        rho_threshold: int = 4,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = RAdamConfig(lr, betas, eps, weight_decay, decoupled_weight_decay, nesterov, rho_threshold)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class RAdamW(ComposedOptimizer):
    """RAdam with decoupled weight decay: p <- p - lr (RAdam's u + weight_decay p), at every step.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf); weight_decay in [0, inf), decoupled;
    nesterov and rho_threshold as for RAdam.
    Source: Liu et al., ICLR 2020, algorithm 2, with Loshchilov and Hutter, ICLR 2019. weight_decay is AdamW's default.
    Deviations: those of RAdam and AdamW. The authors' code skips the decay where it skips the step.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import RAdamW
    >>> p = torch.tensor([1.0, -4.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, 0.0])
    >>> RAdamW([p], lr=0.25, weight_decay=0.5).step()     # 1 - 0.25 (1 + 0.5 * 1),  -4 - 0.25 * 0.5 * -4
    >>> [round(x, 4) for x in p.tolist()]
    [0.625, -3.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        nesterov: bool = False,
        rho_threshold: int = 4,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = RAdamWConfig(lr, betas, eps, weight_decay, nesterov, rho_threshold)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
