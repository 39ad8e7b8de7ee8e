"""LAMB as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.lamb import LAMBConfig


class LAMB(ComposedOptimizer):
    """u = m' / (sqrt(v') + eps) + weight_decay p, of Adam's debiased moments
    p <- p - lr ||p|| / ||u|| u, for each tensor.

    lr in [0, inf), the fraction of its norm by which a tensor moves; betas: two values in [0, 1); eps, weight_decay in
    [0, inf), decay before the ratio; bias_correction: debias the moments; exclude_1d: vectors and numbers (biases,
    norms) take Adam's step, neither scaled nor decayed, as in the authors' training of BERT.
    Source: You et al., ICLR 2020 (arXiv 1904.00962), algorithm 2. eps of the authors' code, betas of both, lr that of
    packages; they tune lr and decay (0.01 for BERT).
    Deviations: phi(z) = z, as in the authors' code: the norm of p is not clipped, which packages do at 10. The ratio is
    1 if ||p|| or ||u|| is 0, as there, else zero weights would stay zero. Their code does not debias, nor do packages
    in the norm of u: bias_correction=False.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import LAMB
    >>> p = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> p.grad = torch.tensor([0.0, 200.0])
    >>> LAMB([p], lr=0.1).step()                         # a tenth of 5, the norm of p
    >>> [round(x, 4) for x in p.tolist()]
    [3.0, 3.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        bias_correction: bool = True,
        exclude_1d: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = LAMBConfig(lr, betas, eps, weight_decay, bias_correction, exclude_1d)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
