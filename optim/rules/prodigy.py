"""Prodigy: Adam whose step size is an estimate of how far the solution is from the start.

Prodigy                                  decays as AdamW does
Prodigy(decoupled_weight_decay=False)    as Adam does: weight_decay p is part of the gradient
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import accumulate_, axpy, axpy_, choose, copy_, dot, is_zero, ratio_, scale_, zeros
from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Context, GlobalTransform, Transform

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class ProdigyStep(GlobalTransform):
    """With c = d^2 lr / d0, p0 the parameter before the first step, sums over all parameters:

    r <- sqrt(beta2) r + sum d_coef c <u, p0 - p>;  s <- sqrt(beta2) s + c u;  d_next = max(d, r / sum ||s||_1)
    m <- beta1 m + (1 - beta1) d u;  v <- beta2 v + (1 - beta2) d^2 u^2
    u <- d (m / (sqrt(v) + d_next eps) + weight_decay p);  d <- d_next.

    decoupled_weight_decay=False: u + weight_decay p takes u's place, and decay is in no other. use_bias_correction: c
    and the last u times sqrt(1 - beta2^t) / (1 - beta1^t). safeguard_warmup: s without lr and correction.
    """

    betas: tuple[float, float]
    eps: float
    d0: float
    d_coef: float
    weight_decay: float
    decoupled_weight_decay: bool
    use_bias_correction: bool
    safeguard_warmup: bool

    def global_state(self) -> dict[str, float]:
        return {"d": self.d0, "r": 0.0}

    def init(self, p: Tensor, h: Hyper) -> State:
        return {"m": zeros(p), "v": zeros(p), "s": zeros(p), "p0": p.clone()}

    def correction(self, h: Hyper, ctx: Context) -> Any:
        (beta1, beta2), t = h["betas"], ctx.t
        return (1 - beta2**t) ** 0.5 / (1 - beta1**t) if self.use_bias_correction else 1.0

    def local_terms(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        (beta1, beta2), d = h["betas"], ctx.global_state["d"]
        if not self.decoupled_weight_decay and not is_zero(h["weight_decay"]):
            u = axpy(h["weight_decay"], p, u)
        # over d0, without which the numbers would be small beside float32's smallest; it cancels
        square = d / h["d0"] * d
        c = square * h["lr"] * self.correction(h, ctx)
        r = dot(u, s["p0"] - p) * (h["d_coef"] * c)
        s1 = accumulate_(s["s"], u * (square if self.safeguard_warmup else c), beta2**0.5).abs().sum()
        axpy_(d * (1 - beta1), u, scale_(s["m"], beta1))
        axpy_(d * d * (1 - beta2), u * u, scale_(s["v"], beta2))
        return {"r": r, "s1": s1}

    def reduce(self, sums: dict[str, Tensor], g: State, h: Hyper, ctx: Context) -> Tensor:
        from torch import stack

        r = g["r"] * h["betas"][1] ** 0.5 + sums["r"].to(g["r"])
        estimate = r / sums["s1"].to(r)
        # not larger, and so d stays, where it is not a number: 0/0 without gradients, a nan gradient
        steps = stack([g["d"], choose(estimate > g["d"], lambda: estimate, lambda: g["d"])])
        copy_(g["r"], r)
        copy_(g["d"], steps[1])
        return steps

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        d, d_next = ctx.reduced.unbind()
        # over d_next above and below: torch._foreach can't add a tensor of one number without waiting for its value
        u = ratio_(s["m"], s["v"].sqrt().mul_(1 / d_next).add_(h["eps"])) * (d / d_next)
        if self.decoupled_weight_decay and not is_zero(h["weight_decay"]):
            u = axpy_(h["weight_decay"] * d, p, u)
        return u * self.correction(h, ctx) if self.use_bias_correction else u

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        return ("m",)

    def metric_terms(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        return {"m": dot(s["m"], s["m"])}

    def metrics(self, sums: dict[str, Tensor], g: State, h: Hyper) -> dict[str, Tensor]:
        """The norm of m, and the estimate d with which the next step is taken."""
        return {"m_norm": sums["m"].sqrt(), "d": g["d"]}


@dataclass(frozen=True)
class ProdigyConfig(OptimizerConfig):
    """Configuration of optim.Prodigy, where the arguments are documented."""

    name: ClassVar[str] = "prodigy"
    momentum_key: ClassVar[str] = "betas"
    estimates_lr: ClassVar[bool] = True
    lr: float = ranged(1.0, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    eps: float = ranged(1e-8, "(0, inf)")
    weight_decay: float = ranged(0.0, "[0, inf)")
    decoupled_weight_decay: bool = True
    use_bias_correction: bool = False
    safeguard_warmup: bool = False
    d0: float = ranged(1e-6, "(0, inf)")
    d_coef: float = ranged(1.0, "(0, inf)")

    def transforms(self) -> tuple[Transform, ...]:
        switches = self.decoupled_weight_decay, self.use_bias_correction, self.safeguard_warmup
        return (ProdigyStep(self.betas, self.eps, self.d0, self.d_coef, self.weight_decay, *switches),)
