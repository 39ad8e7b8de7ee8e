"""Lion, Signum as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.lion import LionConfig
from ..rules.signum import SignumConfig


class Lion(ComposedOptimizer):
    """p <- p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p);  then m <- beta2 m + (1 - beta2) g.

    lr in [0, inf), about a tenth to a third of AdamW's, as every coordinate moves by lr; betas: two values in [0, 1);
    weight_decay in [0, inf), decoupled, 3 to 10 times AdamW's for the same lr weight_decay.
    Source: Chen et al., NeurIPS 2023 (arXiv 2302.06675), algorithm 2. Defaults of the authors' code.
    Deviations: what is nan or infinite stays nan, where torch's sign of it is 0 or 1.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Lion
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = Lion([p], lr=0.25, betas=(0.5, 0.75))
    >>> for g in ([4.0, -1.0], [-0.5, -1.0]):        # m = (1, -0.25), then sign of (0.25, -0.625)
    ...     p.grad = torch.tensor(g)
    ...     optimizer.step()
    >>> p.tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = LionConfig(lr, betas, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class Signum(ComposedOptimizer):
    """m <- momentum m + (1 - momentum) (g + weight_decay p);  p <- p - lr sign(m).

    lr in [0, inf); momentum in [0, 1), 0 for signSGD; weight_decay in [0, inf), L2, or beside the sign,
    p <- p - lr (sign(m) + weight_decay p), where decoupled_weight_decay says so.
    Source: Bernstein, Wang, Azizzadenesheli and Anandkumar, ICML 2018, algorithm 2; both decays are in the authors'
    code (MXNet). lr and momentum are the authors' for ResNet-50 on ImageNet, with weight_decay 1e-5.
    Deviations: what is nan or infinite stays nan, where torch's sign of it is 0 or 1.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Signum
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = Signum([p], lr=0.25, momentum=0.5)
    >>> for g in ([4.0, -1.0], [-1.0, -1.0]):        # m = (2, -0.5), then (0.5, -0.75)
    ...     p.grad = torch.tensor(g)
    ...     optimizer.step()
    >>> p.tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = SignumConfig(lr, momentum, weight_decay, decoupled_weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
