"""Adam, AdamW, AMSGrad, NAdam as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.adam import AdamConfig
from ..rules.adamw import AdamWConfig
from ..rules.amsgrad import AMSGradConfig
from ..rules.nadam import NAdamConfig


class Adam(ComposedOptimizer):
    """m, v <- running means of g and g^2;  p <- p - lr m' / (sqrt(v') + eps), m', v' debiased.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root;
    weight_decay in [0, inf), L2 (through the moments), or decoupled where decoupled_weight_decay says so, as AdamW's;
    amsgrad: divide by the largest v so far (see AMSGrad);
    eps_inside_sqrt: divide by sqrt((v + eps) / (1 - beta2^t)), eps beside v that is not debiased: objax's Adam. There
    1e-8 weighs as much as 1e-4 outside the root, in units of the gradient. The name is that of apex's FusedAdam. Not
    there with amsgrad.
    Source: Kingma and Ba, ICLR 2015, algorithm 1.
    Deviations: none by default. With eps=0 a coordinate that never had a gradient becomes nan (0/0), as in torch.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import Adam
    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> Adam([p], lr=0.5).step()     # the first step is lr in each coordinate
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        decoupled_weight_decay: bool = False,
        eps_inside_sqrt: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdamConfig(lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay, eps_inside_sqrt)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class AdamW(ComposedOptimizer):
    """m, v <- running means of g and g^2;  p <- p - lr (m' / (sqrt(v') + eps) + weight_decay p), m', v' debiased.

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root;
    weight_decay in [0, inf), decoupled; amsgrad: divide by the largest v so far (see AMSGrad).
    Source: Loshchilov and Hutter, ICLR 2019, algorithm 2. Defaults of torch.optim.AdamW.
    Deviations: lr multiplies the decay, as in torch, where the paper has only the schedule's factor:
    weight_decay is the paper's lambda / lr.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AdamW
    >>> p = torch.tensor([1.0, -4.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> AdamW([p], lr=0.25, weight_decay=0.5).step()     # 1 - 0.25 (1 + 0.5 * 1),  -4 - 0.25 (-1 + 0.5 * -4)
    >>> [round(x, 4) for x in p.tolist()]
    [0.625, -3.25]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AdamWConfig(lr, betas, eps, weight_decay, amsgrad)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class AMSGrad(ComposedOptimizer):
    """m, v <- running means of g and g^2;  v_max <- max(v_max, v);  p <- p - lr m' / (sqrt(v_max') + eps).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root; weight_decay in [0, inf), L2;
    debias in {after, before, never}. Three algorithms go by this name:
      after    v_max and m are debiased once the maximum is taken: torch.optim.Adam(amsgrad=True). The default:
               most published AMSGrad runs are this one, and while v grows it is Adam to the last bit
      before   the maximum is over the debiased v: optax.amsgrad. What one large first gradient did to v stays
      never    nothing is debiased: the paper
    Source: Reddi, Kale and Kumar, ICLR 2018, algorithm 2.
    Deviations: the paper debiases nothing and has no eps; its projection onto the feasible set is the caller's.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AMSGrad
    >>> p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = AMSGrad([p], lr=0.1, betas=(0.0, 0.5), debias="never")
    >>> for g in (8.0, 2.0):
    ...     p.grad = torch.tensor([g], dtype=torch.float64)
    ...     optimizer.step()     # v = 32, then 18: v_max stays at 32
    >>> round((1 - p.item()) * 32**0.5, 6)     # 0.1 * (8 + 2)
    1.0
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        debias: str = "after",
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AMSGradConfig(lr, betas, eps, weight_decay, debias)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class NAdam(ComposedOptimizer):
    """m, v <- running means of g and g^2;  mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
    p <- p - lr (mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)) / (sqrt(v') + eps).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root; weight_decay in [0, inf),
    L2, or decoupled where decoupled_weight_decay says so; momentum_decay in (0, inf): 0.004 is Dozat's
    schedule, which brings mu from beta1 / 2 to beta1 in some 20,000 steps; a large one, 1e9, keeps mu = beta1.
    Source: Dozat, ICLR workshop 2016, algorithm 2. Defaults of torch.optim.NAdam.
    Deviations: m decays by beta1 instead of mu_t, and v' is v / (1 - beta2^t) without the paper's extra factor
    beta2, as in Keras and torch. momentum_decay 0, which in torch silently halves beta1, is refused.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import NAdam
    >>> p = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1], dtype=torch.float64)
    >>> NAdam([p], lr=0.5, betas=(0.5, 0.999), momentum_decay=1e9).step()     # 0.5 (0.5 * 0.5 / 0.75 + 0.5 / 0.5)
    >>> [round(x, 4) for x in p.tolist()]
    [0.3333, 1.6667]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 0.004,
        decoupled_weight_decay: bool = False,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = NAdamConfig(lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)
