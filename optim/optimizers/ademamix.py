"""AdEMAMix as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.ademamix import AdEMAMixConfig


class AdEMAMix(ComposedOptimizer):
    """m1, m2 <- running means of g by beta1 and b, v <- of g^2 by beta2
    p <- p - lr ((m1' + a m2) / (sqrt(v') + eps) + weight_decay p), m2 not debiased
    a = alpha min(t / alpha_warmup, 1);  b grows from beta1 to beta3 in beta3_warmup steps, its half-life linearly:
    1 / ln b = (1 - t / beta3_warmup) / ln beta1 + t / beta3_warmup / ln beta3.

    lr in [0, inf); betas: three values in [0, 1), the last that of m2; eps in [0, inf); weight_decay in [0, inf),
    decoupled; alpha in [0, inf), 0 makes it AdamW; alpha_warmup, beta3_warmup: steps, 0 for none. For large beta3
    training starts stably only with warm-ups; the paper's are as long as the run.
    Source: Pagliardini, Ablin and Grangier, ICLR 2025 (arXiv 2409.03137), algorithm 1 and its schedulers.
    Defaults of the authors' code.
    Deviations: ln 0 counts as ln 1e-8 in the schedule, where the authors' code adds 1e-8 to every beta.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AdEMAMix
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([4.0, -0.5])
    >>> AdEMAMix([p], lr=0.125, betas=(0.9, 0.999, 0.75), alpha=2.0).step()   # (1 + 2 * 0.25) sign(g)
    >>> [round(x, 4) for x in p.tolist()]
    [0.8125, 1.1875]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        alpha: float = 2.0,
        alpha_warmup: int = 0,
        beta3_warmup: int = 0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdEMAMixConfig(lr, betas, eps, weight_decay, alpha, alpha_warmup, beta3_warmup)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
