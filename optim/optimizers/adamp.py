"""AdamP, SGDP as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adamp import AdamPConfig
from ..rules.sgdp import SGDPConfig


class AdamP(ComposedOptimizer):
    """u = Adam's step, m' / (sqrt(v') + eps);  p <- p - lr (u - radial part of u) - lr wd_ratio weight_decay p
    if p looks scale-invariant, |cos(g, p)| < delta / sqrt(elements), else p <- p - lr (u + weight_decay p).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf); weight_decay in [0, inf), decoupled; delta in
    [0, inf), 0 projects nothing; wd_ratio in [0, 1]; nesterov: step along beta1 m + (1 - beta1) g.
    Every row (output channel) is tested and projected, else the tensor as a whole; biases and other vectors never.
    Source: Heo, Chun, Oh, Han, Yun, Kim, Uh and Ha, ICLR 2021, algorithm 2; test, rows, bias correction and
    nesterov as in the authors' package adamp, whose defaults these are.
    Deviations: none; the paper's project page has the test g . p < delta and no bias correction. The
    package fails on empty tensors and on channels_last, which are at home here.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AdamP
    >>> p = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> p.grad = torch.tensor([[4.0, -3.0]])         # orthogonal to p, but Adam's step (1, -1) is not
    >>> AdamP([p], lr=1.0).step()                    # (1, -1) less its part along (3, 4) / 5 is (1.12, -0.84)
    >>> [round(x, 4) for x in p.flatten().tolist()]
    [1.88, 4.84]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        nesterov: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdamPConfig(lr, betas, eps, weight_decay, delta, wd_ratio, nesterov)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class SGDP(ComposedOptimizer):
    """v <- momentum v + (1 - dampening) g;  u = v, or g + momentum v with nesterov;  wd = weight_decay / (1 - momentum)
    p <- p - lr (u - radial part of u) - lr wd_ratio wd p   if p looks scale-invariant, as for AdamP,
    else p <- p - lr (u + wd p).

    lr in [0, inf); momentum, dampening in [0, 1); weight_decay in [0, inf), decoupled; eps in [0, inf), beside
    norms; delta in [0, inf), 0 projects nothing; wd_ratio in [0, 1].
    Source: Heo, Chun, Oh, Han, Yun, Kim, Uh and Ha, ICLR 2021, algorithm 1; test, rows and decay as in the authors'
    package adamp, whose defaults these are, lr of its example.
    Deviations: with nesterov=False the package writes the projection into v, the same tensor as u there; here v is
    the paper's.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import SGDP
    >>> p = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> optimizer = SGDP([p], lr=0.5, momentum=0.5)
    >>> p.grad = torch.tensor([[4.0, -3.0]])
    >>> optimizer.step()                             # v is orthogonal to p already: p = (1, 5.5)
    >>> p.grad = torch.tensor([[5.5, -1.0]])
    >>> optimizer.step()                             # v = (7.5, -2.5), less its part along p is (7.7, -1.4)
    >>> [round(x, 4) for x in p.flatten().tolist()]
    [-2.85, 6.2]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.1,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        eps: float = 1e-8,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = SGDPConfig(lr, momentum, dampening, weight_decay, nesterov, eps, delta, wd_ratio)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
