"""AggMo, AggMoExp, AggMoGeneral as torch optimizers."""

from __future__ import annotations

from ..optimizer import Backend, ComposedOptimizer, Params
from ..rules.aggmo import AggMoConfig, AggMoExpConfig
from ..rules.aggmo_general import AggMoGeneralConfig


class AggMo(ComposedOptimizer):
    """v_i <- beta_i v_i + g;  p <- p - lr/K sum_i v_i.

    lr in [0, inf); betas: K values in [0, 1), equal ones allowed; weight_decay in [0, inf), L2.
    A group's betas may be given other values at any time, but another number of them by set_momentum only. OneCycleLR
    and CyclicLR, which would set the first beta, need cycle_momentum=False.
    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, eq. 3.
    Deviations: none in the rule. The authors' code keys velocities by beta, so that equal betas share one,
    and adds weight decay into p.grad; here they are keyed by position and p.grad is left alone.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AggMo
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = AggMo([p], lr=0.25, betas=(0.0, 0.5))
    >>> for _ in range(2):
    ...     p.grad = torch.tensor([1.0])
    ...     optimizer.step()
    >>> p.item()                     # 1 - 0.25 * (1 + (1 + 1.5) / 2)
    0.4375
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.1,
        betas: tuple[float, ...] = (0.0, 0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AggMoConfig(lr, betas, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)

    @classmethod
    def from_exp_form(
        cls,
        params: Params,
        lr: float = 0.1,
        a: float = 0.1,
        k: int = 3,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> AggMo:
        """The exponential form, beta_i = 1 - a^i for i = 0..k-1; a in (0, 1), k a positive integer."""
        betas = AggMoExpConfig(lr, a, k).betas
        return cls(params, lr, betas, weight_decay, backend=backend, seed=seed, maximize=maximize)


class AggMoExp(ComposedOptimizer):
    """AggMo with betas 1 - a^i, i = 0..k-1: two numbers instead of k.

    lr in [0, inf); a in (0, 1); k a positive integer, at most 17 at a=0.1, where 1 - a^17 rounds to 1;
    weight_decay in [0, inf), L2.
    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, section 3 (a=0.1, K=3 are its defaults).
    Deviations: none. a and k make the betas at construction; the live value is the group's `betas`.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AggMoExp
    >>> AggMoExp([torch.zeros(1)], a=0.1, k=4).param_groups[0]["betas"]
    (0.0, 0.9, 0.99, 0.999)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.1,
        a: float = 0.1,
        k: int = 3,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AggMoExpConfig(lr, a, k, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)


class AggMoGeneral(ComposedOptimizer):
    """v_i <- beta_i v_i + g;  p <- p - lr/K sum_i rate_i v_i.

    lr in [0, inf); betas: K values in [0, 1); rates: K values in [0, inf), the paper's gamma_i over lr;
    weight_decay in [0, inf), L2.
    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, the generalised form. With betas (0, b) and rates (2, 2 b), the
    defaults with b = 0.9, p is exactly the point at which Nesterov's method with lr and momentum b takes its
    gradient. The paper's own betas are AggMo's.
    Deviations: rates are in units of lr, so that a schedule moves them all.
    params, backend, seed, maximize: as for ComposedOptimizer.

    >>> import torch
    >>> from optim import AggMoGeneral, Nesterov
    >>> p, q = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
    >>> one, other = AggMoGeneral.nesterov([p], lr=0.25, momentum=0.5), Nesterov([q], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     p.grad, q.grad = p.detach().clone(), q.detach().clone()
    ...     one.step()
    ...     other.step()
    >>> p.item(), q.item()
    (0.328125, 0.328125)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 0.05,
        betas: tuple[float, ...] = (0.0, 0.9),
        rates: tuple[float, ...] = (2.0, 1.8),
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        config = AggMoGeneralConfig(lr, betas, rates, weight_decay)
        super().__init__(params, config, backend=backend, seed=seed, maximize=maximize)

    @classmethod
    def nesterov(
        cls,
        params: Params,
        lr: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> AggMoGeneral:
        """Nesterov's method as aggregated momentum; momentum in [0, 1)."""
        betas, rates = (0.0, momentum), (2.0, 2 * momentum)
        return cls(params, lr, betas, rates, weight_decay, backend=backend, seed=seed, maximize=maximize)
