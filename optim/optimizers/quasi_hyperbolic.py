"""QHM, QHAdam as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.qhadam import QHAdamConfig
from ..rules.qhm import QHMConfig


class QHM(ComposedOptimizer):
    """m <- momentum m + (1 - momentum) g;  p <- p - lr ((1 - nu) g + nu m).

    lr in [0, inf); momentum in [0, 1), the paper's beta; nu in [0, 1]; weight_decay in [0, inf), L2. nu = 0 is SGD,
    nu = 1 momentum with the gradient damped, nu = momentum Nesterov's at lr / (1 - momentum).
    Source: Ma and Yarats, ICLR 2019, section 3. momentum and nu are the rule of thumb of paper and authors' package
    qhoptim; lr is Momentum's 0.01 over 1 - 0.9, as they advise.
    Deviations: none.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import QHM
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0])
    >>> QHM([p], lr=1.0, momentum=0.5, nu=0.5).step()     # half of g and half of m = 0.5
    >>> p.item()
    0.25
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.1,
        momentum: float = 0.999,
        nu: float = 0.7,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = QHMConfig(lr, momentum, nu, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class QHAdam(ComposedOptimizer):
    """m, v <- running means of g and g^2;  m' = m / (1 - beta1^t);  v' = v / (1 - beta2^t)
    p <- p - lr ((1 - nu1) g + nu1 m') / (sqrt((1 - nu2) g^2 + nu2 v') + eps).

    lr in [0, inf); betas: two values in [0, 1); nus: two values in [0, 1], (1, 1) is Adam; eps in [0, inf);
    weight_decay in [0, inf), L2 or, with decoupled_weight_decay, as AdamW's.
    Source: Ma and Yarats, ICLR 2019, section 5. betas and nus are what the authors advise, the rest are defaults of
    their package qhoptim.
    Deviations: none at constant betas. Where they change, the package debiases by the weights it has summed.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import QHAdam
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = QHAdam([p], lr=0.1, betas=(0.5, 0.0), nus=(0.5, 1.0))
    >>> for g in (1.0, -1.0):                         # the second step: (-0.5 + 0.5 * (-0.25 / 0.75)) / 1
    ...     p.grad = torch.tensor([g])
    ...     optimizer.step()
    ...     print(round(p.item(), 4))
    0.9
    0.9667
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.995, 0.999),
        nus: tuple[float, float] = (0.7, 1.0),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = QHAdamConfig(lr, betas, nus, eps, weight_decay, decoupled_weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
