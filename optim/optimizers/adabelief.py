"""AdaBelief, Yogi as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adabelief import AdaBeliefConfig
from ..rules.yogi import YogiConfig


class AdaBelief(ComposedOptimizer):
    """m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) (g - m)^2 + eps
    p <- p - lr (m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps) + weight_decay p).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), once under the root and once beside it; weight_decay
    in [0, inf); decoupled_weight_decay=False: weight_decay p is added to the gradient instead; rectify: as RAdam does,
    r m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(s) + eps) where its rho is at least 5, m / (1 - beta1^t) before.
    Source: Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris and Duncan, NeurIPS 2020, algorithm 2. Defaults of the
    authors' package adabelief-pytorch 0.2 (its paper has eps 1e-8), which advises eps 1e-8 for convolutional networks.
    Deviations: the package rectifies unless told otherwise, here as in the paper only if asked to. It can also keep the
    largest s, as AMSGrad does, which is not here.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AdaBelief
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = AdaBelief([p], lr=0.1)
    >>> for g in (1.0, 1.0):                         # the gradient that was expected: larger steps than Adam's 0.1
    ...     p.grad = torch.tensor([g])
    ...     optimizer.step()
    ...     print(round(p.item(), 4))
    0.8889
    0.7721
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-16,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = True,
        rectify: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdaBeliefConfig(lr, betas, eps, weight_decay, decoupled_weight_decay, rectify)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class Yogi(ComposedOptimizer):
    """m <- beta1 m + (1 - beta1) g;  v <- v - (1 - beta2) sign(v - g^2) g^2, from v = initial_accumulator
    p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf); initial_accumulator in [0, inf); weight_decay in
    [0, inf), L2.
    Source: Zaheer, Reddi, Sachan, Kale and Kumar, NeurIPS 2018, algorithm 2, in the form of the authors' code in
    TensorFlow Addons, with its defaults.
    Deviations: debiased as Adam is, as in the code; the paper does not debias. m starts at 0 and eps is beside the root
    of v as it is, as in the code; optax, torch_optimizer and pytorch_optimizer start m at initial_accumulator, too, and
    the last two have eps beside the debiased root.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Yogi
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Yogi([p], lr=0.1, betas=(0.0, 0.75), initial_accumulator=1.0, eps=0.0)
    >>> p.grad = torch.tensor([0.5])
    >>> optimizer.step()                              # v = 1 - 0.25 * 0.25, and the step is 0.1 * 0.5 * 0.5 / sqrt(v)
    >>> round(p.item(), 5)
    0.97418
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-3,
        initial_accumulator: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = YogiConfig(lr, betas, eps, initial_accumulator, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
