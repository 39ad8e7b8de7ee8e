"""ADOPT as a torch optimizer."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adopt import ADOPTConfig


class ADOPT(ComposedOptimizer):
    """c = g / max(sqrt(v), eps), with clip limited to [-(t - 1)^(1/4), (t - 1)^(1/4)]
    m <- beta1 m + (1 - beta1) c;  p <- p - lr m;  then v <- beta2 v + (1 - beta2) g^2.
    The first step makes v = g^2 and moves nothing.

    lr in [0, inf); betas: two values in [0, 1); eps in (0, inf); weight_decay in [0, inf), L2, or beside the step,
    p <- p - lr (m + weight_decay p), where decoupled_weight_decay says so, from the second step on.
    Source: Taniguchi et al., NeurIPS 2024 (arXiv 2411.02853), whose second version and code clip; clip=False is the
    first. Defaults and both decays of the authors' final code.
    Deviations: what is nan or infinite makes nan, where an infinite gradient would be clipped, and the coordinate then
    stay where it is. pytorch_optimizer counts the t of the clipping one step higher, and decays at the first step too.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import ADOPT
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = ADOPT([p], lr=0.25, betas=(0.5, 0.9))
    >>> for g in ([4.0, -1.0], [-1.0, -2.0]):            # nothing, then c = (-0.25, -1), of -2 clipped
    ...     p.grad = torch.tensor(g)
    ...     optimizer.step()
    >>> p.tolist()
    [1.03125, 1.125]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.9999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        clip: bool = True,
        decoupled_weight_decay: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = ADOPTConfig(lr, betas, eps, weight_decay, clip, decoupled_weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
