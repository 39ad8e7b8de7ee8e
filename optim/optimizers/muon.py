"""Muon as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.muon import MuonConfig


class Muon(ComposedOptimizer):
    """m <- momentum m + (1 - momentum) g;  w = momentum m + (1 - momentum) g with nesterov, else m
    p <- p - lr (scale U f(S / ||S||) V^T + weight_decay p),  w = U S V^T as a matrix, its first dimension by all others
    f: ns_steps times 3.4445 x - 4.775 x^3 + 2.0315 x^5, which brings x in [0.002, 1] to [0.68, 1.21] in five.

    For the hidden matrices of a network, convolutions among them. Vectors and numbers count as matrices of one row:
    they move along w / ||w||, which is not what they are good at. Give them, embeddings and the last layer to AdamW
    (`groups=muon` of the runner does).
    lr in [0, inf); weight_decay in [0, inf), decoupled; momentum in [0, 1); ns_steps an integer in [1, 100), of Newton
    and Schulz's iteration; adjust_lr_fn: "original", scale = sqrt(max(1, rows / columns)), or "match_rms_adamw",
    0.2 sqrt(max(rows, columns)), which makes steps as large as AdamW's, so that its lr and decay fit; bfloat16: iterate
    in bfloat16, as the authors do on GPUs.
    Source: Jordan et al., 2024 ("Muon: an optimizer for hidden layers in neural networks"); match_rms_adamw and decay:
    Liu et al., arXiv 2502.16982, 2025. Defaults of Jordan's code.
    Deviations: iterates in the state's precision unless bfloat16. ||S|| is at least 1e-7, as in torch, where Jordan
    adds 1e-7. A tensor of three or five dimensions is one matrix, as of four; Jordan's code has a stack of them there.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Muon
    >>> p = torch.zeros(2, 2, requires_grad=True)
    >>> p.grad = torch.tensor([[0.0, 5.0], [-2.0, 0.0]])     # the singular values 5 and 2 become about 1
    >>> Muon([p], lr=0.1, momentum=0.0).step()
    >>> [round(x, 2) + 0.0 for x in p.flatten().tolist()]
    [0.0, -0.07, 0.1, 0.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.02,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        adjust_lr_fn: str = "original",
        bfloat16: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = MuonConfig(lr, weight_decay, momentum, nesterov, ns_steps, adjust_lr_fn, bfloat16)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
