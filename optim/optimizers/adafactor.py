"""Adafactor as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adafactor import AdafactorConfig


class Adafactor(ComposedOptimizer):
    """row, column <- running means of g^2 + eps1 over the columns and the rows of a matrix, beta2 = 1 - t^beta2_decay
    U = g / sqrt(row column / mean(row));  U <- U / max(1, RMS(U) / d)
    p <- (1 - lr weight_decay) p - max(eps2, RMS(p)) min(lr, 1 / sqrt(t)) U.

    lr in [0, inf); beta2_decay in (-inf, 0]; eps: eps1 and eps2 in [0, inf); d in (0, inf), the largest root mean
    square of U; weight_decay in [0, inf), decoupled. relative_step=False: lr in place of the minimum.
    scale_parameter=False: without max(eps2, RMS(p)).
    A tensor of more than two dimensions is factored as a matrix, its first dimension by all others: a convolution's
    kernel has one number for each output channel, one for each input channel and place. A vector has a second moment
    for each element.
    Source: Shazeer and Stern, ICML 2018, algorithms 4 to 6, without first moment. Arguments and their defaults as
    torch.optim.Adafactor, with the paper's eps1.
    Deviations: as in torch, the paper's 0.01 is lr, and weight_decay, which the paper has not, multiplies by lr. torch
    has eps1 beside the roots instead of in the means, None for it (the dtype's), and factors the last two dimensions:
    a kernel of 3 by 3 into six numbers for each pair of channels.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Adafactor
    >>> p = torch.full((2, 2), 2.0, requires_grad=True)
    >>> p.grad = torch.tensor([[1.0, 2.0], [2.0, 4.0]])     # of rank 1: the product of row and column is g^2
    >>> Adafactor([p]).step()                               # RMS(p) = 2 times 0.01
    >>> [round(x, 4) for x in p.flatten().tolist()]
    [1.98, 1.98, 1.98, 1.98]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        beta2_decay: float = -0.8,
        eps: tuple[float, float] = (1e-30, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        relative_step: bool = True,
        scale_parameter: bool = True,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdafactorConfig(lr, beta2_decay, eps, d, weight_decay, relative_step, scale_parameter)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
