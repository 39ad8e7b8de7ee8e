"""LARS as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.lars import LARSConfig


class LARS(ComposedOptimizer):
    """ratio = trust_coefficient ||p|| / (||g|| + weight_decay ||p|| + eps), for each tensor
    v <- momentum v + lr ratio (g + weight_decay p);  p <- p - v.

    lr in [0, inf); momentum in [0, 1); weight_decay in [0, inf), L2; trust_coefficient in [0, inf), and 0 means
    ratio = 1, for groups that are not to be adapted, as biases and norms commonly are (`groups=exclude_1d`); eps in
    [0, inf), 0 in the paper, 1e-5 in objax, whose weight_decay is 1e-4.
    Source: You, Gitman and Ginsburg, 2017 (arXiv 1708.03888), algorithm 1 and eq. 6. lr is inside v: after a cut of
    lr, past gradients go on at the old one. Packages for torch have it outside, the same only at constant lr.
    Deviations: ratio = 1 if ||p|| or ||g|| is 0, as in the authors' code, else zero weights would stay zero; objax
    takes the larger of 1 and the ratio there, up to trust_coefficient / weight_decay where only the gradient is 0.
    lr is not the paper's, who tune it; the other defaults are theirs.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import LARS
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> p.grad = torch.tensor([0.0, 200.0])
    >>> LARS([p], lr=1.0, weight_decay=0.0, trust_coefficient=0.1).step()    # a tenth of 5, the norm of p
    >>> p.tolist()
    [3.0, 3.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        trust_coefficient: float = 1e-3,
        eps: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = LARSConfig(lr, momentum, weight_decay, trust_coefficient, eps)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
