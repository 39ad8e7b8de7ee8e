"""Adan as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adan import AdanConfig


class Adan(ComposedOptimizer):
    """m, v <- running means of g by beta1 and of d = g - previous g by beta2;  n <- of (g + beta2 d)^2 by beta3
    p <- (p - lr (m' + beta2 v') / (sqrt(n') + eps)) / (1 + lr weight_decay), all debiased, d = 0 at the first step.

    lr in [0, inf); betas: three values in [0, 1), the paper's 1 - beta; eps in [0, inf); weight_decay in [0, inf),
    proximal.
    Source: Xie, Zhou, Li, Lin and Yan, TPAMI 2024 (arXiv 2208.06677), algorithm 1. Defaults of the authors' code; the
    paper's weight_decay is 0.02.
    Deviations: debiased, as the authors' code is. It also clips by the global norm (off by default) and takes decay
    beside the step by `no_prox`: here the runner clips, and there is the proximal one only.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Adan
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Adan([p], lr=0.25, betas=(0.5, 0.5, 0.5))
    >>> for g in (4.0, 1.0):
    ...     p.grad = torch.tensor([g])
    ...     optimizer.step()                             # 1, then (2 - 0.5 * 2) / sqrt(5.5)
    ...     print(round(p.item(), 4))
    0.75
    0.6434
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdanConfig(lr, betas, eps, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
