"""AMSGrad: Adam whose second moment never falls, so that no coordinate's step grows by forgetting.

AMSGrad     L2, MaxMoments
AdamW(amsgrad=True)      MaxMoments, DecoupledDecay
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import maximum, mean, mean_square, ratio, zeros
from ..ranges import ranged
from ..rule import Context, Rule, Spec
from .decay import L2
from .denominator import denominator

if TYPE_CHECKING:
    from torch import Tensor

    from ..rule import Hyper, State


@dataclass(frozen=True)
class MaxMoments(Rule):
    """m <- beta1 m + (1 - beta1) u;  v <- beta2 v + (1 - beta2) u^2;  v_max <- max(v_max, v)
    u <- m / (1 - beta1^t) / (sqrt(v_max / (1 - beta2^t)) + eps).

    debias: "after" the maximum, as above; "before" it, v_max <- max(v_max, v / (1 - beta2^t)); or "never",
    neither v nor m.
    """

    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    debias: str = ranged("after", "{after, before, never}")

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p), "v_max": zeros(p)}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        beta1, beta2 = h["betas"]
        m, v = mean(s["m"], u, beta1, ctx.own), mean_square(s["v"], u, beta2, ctx.own)
        whole = 1 - beta2**ctx.t
        v_max = maximum(s["v_max"], v / whole if self.debias == "before" else v, ctx.own)
        if self.debias == "after":
            scale = denominator(v_max, h, ctx)
        else:
            scale = v_max.sqrt().add_(h["eps"])
            scale = scale.mul_(1 - beta1**ctx.t) if self.debias == "before" else scale
        return ratio(m, scale, ctx.own), {"m": m, "v": v, "v_max": v_max}

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)


@dataclass(frozen=True)
class AMSGrad(Spec):
    """m, v <- running means of g and g^2;  v_max <- max(v_max, v);  p <- p - lr m' / (sqrt(v_max') + eps).

    lr in [0, inf); betas: two values in [0, 1); eps in [0, inf), outside the root; weight_decay in [0, inf), L2;
    debias in {after, before, never}. Three algorithms go by this name:
      after    v_max and m are debiased once the maximum is taken: torch.optim.Adam(amsgrad=True). The default:
               most published AMSGrad runs are this one, and while v grows it is Adam to the last bit
      before   the maximum is over the debiased v: optax.amsgrad. What one large first gradient did to v stays
      never    nothing is debiased: the paper
    Source: Reddi, Kale and Kumar, ICLR 2018, algorithm 2.
    Deviations: the paper debiases nothing and has no eps; its projection onto the feasible set is the caller's.

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

    name: ClassVar[str] = "amsgrad"
    lr: float = ranged(1e-3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "[0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    debias: str = ranged("after", "{after, before, never}")

    def stages(self) -> tuple[Rule, ...]:
        return L2(self.weight_decay), MaxMoments(self.betas, self.eps, self.debias)

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        return {"betas": (m, h["betas"][1])}
