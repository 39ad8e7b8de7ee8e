"""SGD, Momentum, Nesterov, SGDW as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.sgd import MomentumConfig, NesterovConfig, SGDConfig
from ..rules.sgdw import SGDWConfig


class SGD(ComposedOptimizer):
    """p <- p - lr (g + weight_decay p);  with momentum, as `Momentum`, and with nesterov, as `Nesterov`.

    lr in [0, inf); momentum in [0, 1), absent at 0, and then no group can have one; dampening in [0, 1); weight_decay
    in [0, inf), L2; nesterov: look ahead, which needs a momentum and dampening 0; lr_in_velocity: as `Momentum`.
    Source: Robbins and Monro, Annals of Mathematical Statistics, 1951; momentum: see `Momentum` and `Nesterov`.
    Arguments in the order of torch.optim.SGD.
    Deviations: dampening without momentum, which torch ignores, is refused.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import SGD
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> p.grad = torch.tensor([2.0])
    >>> SGD([p], lr=0.25).step()
    >>> p.item()
    0.5
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        lr_in_velocity: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = SGDConfig(lr, momentum, dampening, weight_decay, nesterov, lr_in_velocity)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class Momentum(ComposedOptimizer):
    """v <- momentum v + (1 - dampening) g;  p <- p - lr v, and v = g at the first step.

    lr in [0, inf); momentum, dampening in [0, 1); weight_decay in [0, inf), L2; lr_in_velocity: v <- momentum v +
    (1 - dampening) lr g;  p <- p - v, the same at a constant lr: a change of lr then acts on new gradients only, and
    what v holds keeps the lr that it came in with (Sutskever et al., ICML 2013, eq. 1).
    Source: Polyak, USSR Computational Mathematics, 1964; unnormalised and with lr outside v, as Lucas et al.
    (ICLR 2019, eq. 1) and torch.optim.SGD write it.
    Deviations: dampening acts at momentum 0 too (torch ignores it there).
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Momentum
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Momentum([p], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     p.grad = torch.tensor([1.0])
    ...     optimizer.step()
    >>> p.item()
    0.375
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        momentum: float = 0.9,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        lr_in_velocity: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = MomentumConfig(lr, momentum, dampening, weight_decay, lr_in_velocity)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class Nesterov(ComposedOptimizer):
    """v <- momentum v + g;  p <- p - lr (g + momentum v).

    lr in [0, inf); momentum in [0, 1); weight_decay in [0, inf), L2; lr_in_velocity: v <- momentum v + lr g;
    p <- p - (lr g + momentum v), the same at a constant lr (Sutskever et al., ICML 2013, eq. 3 and 4).
    Source: Nesterov, 1983, in the form of Sutskever et al. (ICML 2013) shifted to the point where the
    gradient is taken, as in torch.optim.SGD(nesterov=True).
    Deviations: momentum 0 is allowed, and is plain gradient descent.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Nesterov
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0])
    >>> Nesterov([p], lr=0.25, momentum=0.5).step()
    >>> p.item()
    0.625
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        lr_in_velocity: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = NesterovConfig(lr, momentum, weight_decay, lr_in_velocity)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class SGDW(ComposedOptimizer):
    """v <- momentum v + (1 - dampening) g;  p <- p - lr (v + weight_decay p), and v = g at the first step.

    lr in [0, inf); momentum, dampening in [0, 1); weight_decay in [0, inf), decoupled;
    nesterov: step along g + momentum v, which needs dampening 0; lr_in_velocity: v <- momentum v +
    (1 - dampening) lr g;  p <- p - v - lr weight_decay p, the paper's form.
    Source: Loshchilov and Hutter, ICLR 2019, algorithm 1. lr and momentum are those of the authors' code;
    weight_decay is their normalised 0.025, for 100 epochs of CIFAR-10 in batches of 128, over lr.
    Deviations: unless lr_in_velocity, lr multiplies v instead of g on its way into v, as in torch.optim.SGD: the same
    at constant lr.
    lr multiplies the decay as well, where the paper has only the schedule's factor: weight_decay is its lambda / lr.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import SGDW
    >>> p = torch.tensor([1.0, -4.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, 0.0])
    >>> SGDW([p], lr=0.25, weight_decay=0.5).step()     # 1 - 0.25 (1 + 0.5 * 1),  -4 - 0.25 * 0.5 * -4
    >>> p.tolist()
    [0.625, -3.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.05,
        momentum: float = 0.9,
        dampening: float = 0.0,
        weight_decay: float = 0.0025,
        nesterov: bool = False,
        lr_in_velocity: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = SGDWConfig(lr, momentum, dampening, weight_decay, nesterov, lr_in_velocity)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
