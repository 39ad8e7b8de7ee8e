"""SOAP as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.soap import SOAPConfig


class SOAP(ComposedOptimizer):
    """left <- beta2 left + (1 - beta2) G G^T;  right <- beta2 right + (1 - beta2) G^T G;  QL, QR their eigenvectors
    m, v <- running means of G and (QL^T G QR)^2, debiased
    p <- p - lr (QL (QL^T m QR / (sqrt(v) + eps)) QR^T + weight_decay p),  G: the gradient as a matrix.

    lr in [0, inf); betas: two values in [0, 1); eps in (0, inf); weight_decay in [0, inf), decoupled;
    precondition_frequency in [1, inf), in steps: QL <- qr(left QL) and QR alike; max_precondition_dim in [0, inf): a
    longer side of a matrix keeps its own basis.
    A tensor of more than two dimensions counts as a matrix, its first dimension by all others; for one of fewer than
    two this is Adam. The first step moves nothing but by decay: it is for the first QL and QR.
    State beside m and v: two square matrices for each side. The eigenvectors of the first left and right are not unique
    where these have not full rank, so that rounding may decide them: another machine may train as another seed does.
    On a GPU the host waits for torch.linalg.eigh, at the first step.
    Source: Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson and Kakade, ICLR 2025, algorithms 3 and 4. First
    step and defaults as in the authors' code.
    Deviations: the code sorts the columns of QL and QR, and v with them, before it takes qr; the paper does not. It
    decays after the step and not in the first, and keeps a basis for each dimension of a convolution, unless
    merge_dims says otherwise. Vectors are never preconditioned.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import SOAP
    >>> p = torch.zeros(2, 2, requires_grad=True)
    >>> optimizer = SOAP([p], lr=0.1, betas=(0.0, 0.0), eps=1e-3)
    >>> for _ in range(2):
    ...     p.grad = torch.tensor([[3.0, 1.0], [1.0, 3.0]])     # of eigenvectors (1, 1) and (1, -1): Adam's step is
    ...     optimizer.step()                                    # 1 along both, and so the identity, not sign(g)
    >>> [abs(round(x, 3)) for x in p.flatten().tolist()]
    [0.1, 0.0, 0.0, 0.1]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        precondition_frequency: int = 10,
        max_precondition_dim: int = 10000,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = SOAPConfig(lr, betas, eps, weight_decay, precondition_frequency, max_precondition_dim)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
