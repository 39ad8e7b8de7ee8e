"""AdaBound, AMSBound as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adabound import AdaBoundConfig, AMSBoundConfig


class AdaBound(ComposedOptimizer):
    """m, v <- running means of g and g^2;  p <- p - clip(lr sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps),
    lr' (1 - 1 / (gamma t + 1)), lr' (1 + 1 / (gamma t))) m, where lr' = final_lr lr / base_lr.

    lr in [0, inf), Adam's; betas: two values in [0, 1); final_lr in (0, inf), that of the SGD (with momentum
    beta1, normalised) it ends as; gamma in (0, 1), how fast; eps in [0, inf); weight_decay in [0, inf), L2;
    amsbound: divide by the largest v so far; decoupled_weight_decay=True: lr weight_decay p is subtracted from p
    instead, as in AdamW. base_lr is the lr that a group starts with, so that a schedule scales final_lr too; it is a
    key of the group, which may also name its own. A group that starts with lr 0 takes the constructor's lr, or 0.001
    where that is 0 too.
    Source: Luo, Xiong, Liu and Sun, ICLR 2019, algorithm 2, in the form of the authors' code, with its defaults.
    Deviations: as in the code, moments are debiased, lr is not divided by sqrt(t), there is an eps, and gamma
    stands for the paper's 1 - beta2 in the bounds. Unlike in the code, base_lr is in the group: on the optimizer,
    copies and later groups lose it; lr may be 0; gamma=0 and final_lr=0 are refused. The code's
    AdaBoundW subtracts weight_decay p, whatever lr is: its weight_decay is lr times this one.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AdaBound
    >>> p = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> p.grad = torch.tensor([100.0, 0.001], dtype=torch.float64)
    >>> AdaBound([p], lr=0.01, final_lr=0.1, gamma=0.5).step()     # lower 0.1 / 3, upper 0.1 * 3, times m = g / 10
    >>> [round(x, 5) for x in p.tolist()]
    [0.66667, 0.99997]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        final_lr: float = 0.1,
        gamma: float = 1e-3,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsbound: bool = False,
        decoupled_weight_decay: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdaBoundConfig(lr, betas, final_lr, gamma, eps, weight_decay, amsbound, decoupled_weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class AMSBound(ComposedOptimizer):
    """AdaBound whose second moment never falls: v_max <- max(v_max, v) takes v's place. AdaBound(amsbound=True).

    lr, betas, final_lr, gamma, eps, weight_decay, decoupled_weight_decay and base_lr as for AdaBound.
    Source: Luo, Xiong, Liu and Sun, ICLR 2019, section 4, in the form of the authors' code, with its defaults.
    Deviations: those of AdaBound; as in the authors' code, the maximum is over the raw v.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AMSBound
    >>> p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = AMSBound([p], lr=0.1, betas=(0.0, 0.5), gamma=1e-6)
    >>> for g in (8.0, 2.0):
    ...     p.grad = torch.tensor([g], dtype=torch.float64)
    ...     optimizer.step()     # v = 32, then 18: v_max stays at 32
    >>> round(1 - p.item(), 4)     # 0.1 (sqrt(0.5) 8 + sqrt(0.75) 2) / sqrt(32)
    0.1306
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        final_lr: float = 0.1,
        gamma: float = 1e-3,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AMSBoundConfig(lr, betas, final_lr, gamma, eps, weight_decay, decoupled_weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
