"""RMSprop, Adadelta as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adadelta import AdadeltaConfig
from ..rules.rmsprop import RMSpropConfig


class RMSprop(ComposedOptimizer):
    """r <- alpha r + (1 - alpha) g^2;  p <- p - lr g / (sqrt(r) + eps).

    lr in [0, inf); alpha in [0, 1); eps in [0, inf), outside the root; weight_decay in [0, inf), L2;
    momentum in [0, 1): a heavy ball behind the division, absent at 0, and then no group can have one;
    centered: divide by the standard deviation instead of the root mean square.
    Source: Tieleman and Hinton, Coursera lecture 6.5, 2012; momentum and centered: Graves, 2013
    (arXiv 1308.0850, eq. 38-45). Defaults of torch.optim.RMSprop, alpha 0.99; the lecture's is 0.9.
    Deviations: eps is outside the root, as in torch (Graves: inside). No debiasing: the first steps are up to
    1 / sqrt(1 - alpha) times lr. A variance that rounding made negative counts as 0 (torch: nan).
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import RMSprop
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> RMSprop([p], lr=0.5, alpha=0.75).step()     # 0.5 / sqrt(1 - 0.75) in each coordinate
    >>> [round(x, 4) for x in p.tolist()]
    [0.0, 2.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = RMSpropConfig(lr, alpha, eps, weight_decay, momentum, centered)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class Adadelta(ComposedOptimizer):
    """v <- running mean of g^2;  u = sqrt(d + eps) / sqrt(v + eps) g;  d <- running mean of u^2;  p <- p - lr u.

    lr in [0, inf); rho in [0, 1); eps in (0, inf), inside the roots: it is what the first steps start from, and
    at 0 nothing would ever move; weight_decay in [0, inf), L2.
    Source: Zeiler, 2012 (arXiv 1212.5701), algorithm 1. Defaults of torch.optim.Adadelta.
    Deviations: the paper has no learning rate, which is lr 1; d averages u, not lr u, as in torch.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Adadelta
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> Adadelta([p], rho=0.75, eps=0.0025).step()
    >>> [round(x, 4) for x in p.tolist()]     # 1 - 0.05 * 3 / sqrt(0.25 * 9 + 0.0025),  1 + 0.05 * 0.1 / ...
    [0.9001, 1.0707]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdadeltaConfig(lr, rho, eps, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
