"""What momo and momo_adam share: a step to where a model of the averaged loss meets its lower bound.

The model is linear, f + <d, x - x_k> + (<d, x_k> - gamma), from running means of losses, gradients and <g, x>,
and never below the bound. Three sums over all parameters decide one step size, so groups do not change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..arithmetic import axpy, choose, copy_, dot, is_zero, lerp
from ..transform import Context, GlobalTransform

if TYPE_CHECKING:
    from torch import Tensor

    from ..transform import Hyper, State


@dataclass(frozen=True)
class ModelStep(GlobalTransform):
    """f <- beta f + (1 - beta) loss, and with ||d||^2 the norm in which the method measures the step

    zeta = max((1 + lr wd) (f - rho lb - gamma) + <d, x>, 0) / ||d||^2;  tau = min(lr / rho, zeta).

    A subclass's `local_terms` gives gamma, <d, x> and ||d||^2 as "gamma", "dx" and "dd".
    rho is 1, where the means start at the first values, or 1 - beta^k, where they start at 0.
    """

    uses_loss: ClassVar[bool] = True
    applies_lr: ClassVar[bool] = True
    weight_decay: float
    lb: float
    bias_correction: bool
    use_fstar: bool

    def rate(self, h: Hyper) -> Any:
        """beta, of the running means of loss, gradient and <g, x>."""
        raise NotImplementedError

    def gain(self, h: Hyper, ctx: Context) -> Any:
        """The weight of the newest value in a parameter's running means."""
        if self.bias_correction:
            return 1 - self.rate(h)
        return choose(ctx.t == 1, lambda: 1.0, lambda: 1 - self.rate(h))

    def global_state(self) -> dict[str, float]:
        return {"k": 0.0, "f": 0.0, **({"fstar": self.lb} if self.use_fstar else {})}

    def reduce(self, sums: dict[str, Tensor], g: State, h: Hyper, ctx: Context) -> Tensor:
        from torch import stack

        # counted here: a parameter's own count lags behind where it joined late or had no gradient
        beta, k = self.rate(h), g["k"] + 1
        loss = ctx.loss.to(k)
        f = lerp(g["f"], loss, 1 - beta)
        if not self.bias_correction:
            f = choose(k == 1, lambda: loss, lambda: f)
        rho = 1 - beta**k if self.bias_correction else k.new_ones(())
        gamma, dx, dd = (sums[name].to(k.device) for name in ("gamma", "dx", "dd"))
        copy_(g["k"], k)
        copy_(g["f"], f)
        if not self.use_fstar:
            return stack([f - gamma, dx, dd, rho])
        # the bound moves once a step: down where the model lies below it, and after tau is known to the model's
        # value at half the step
        shrink = 1 + h["lr"] * h["weight_decay"]
        cap, scale = shrink * (f - gamma) + dx, shrink * rho
        lowered = (cap / (2 * scale)).clamp_min(h["lb"])
        value = stack([f - gamma, dx, dd, rho, choose(cap < scale * g["fstar"], lambda: lowered, lambda: g["fstar"])])
        fstar = ((f - gamma + dx - self.tau(value, h) * dd / 2) / rho).clamp_min(h["lb"])
        copy_(g["fstar"], fstar)
        return value

    def for_group(self, reduced: Tensor, h: Hyper) -> Tensor:
        return self.tau(reduced, h)

    def tau(self, value: Tensor, h: Hyper) -> Tensor:
        """The step size of a group; lr / rho where zeta is not a number: 0/0 without gradients, a nan loss."""
        zeta, cap = self.zeta(value, h)
        return choose(zeta < cap, lambda: zeta, lambda: cap)

    def zeta(self, value: Tensor, h: Hyper) -> tuple[Tensor, Tensor]:
        """The step to where the model meets its lower bound, and lr / rho, which caps it."""
        gap, dx, dd, rho, *fstar = value.unbind()
        lower = fstar[0].clamp_min(h["lb"]) if self.use_fstar else h["lb"]
        return ((1 + h["lr"] * h["weight_decay"]) * (gap - rho * lower) + dx).clamp_min(0) / dd, h["lr"] / rho

    def dual(self, s: State, h: Hyper, ctx: Context) -> Tensor:
        """d in the dual of the norm: <d, dual> is ||d||^2."""
        return s["d"]

    def metric_terms(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        return {"gamma": s["gamma"], "dx": dot(s["d"], p), "dd": dot(s["d"], self.dual(s, h, ctx))}

    def metrics(self, sums: dict[str, Tensor], g: State, h: Hyper) -> dict[str, Tensor]:
        """zeta and its cap, lr / rho, the smaller being the step size; with use_fstar by the bound as it is now."""
        from torch import stack

        rho = 1 - self.rate(h) ** g["k"] if self.bias_correction else g["k"].new_ones(())
        bound = [g["fstar"]] if self.use_fstar else []
        zeta, cap = self.zeta(stack([g["f"] - sums["gamma"], sums["dx"], sums["dd"], rho, *bound]), h)
        return {"zeta": zeta, "cap": cap}

    def proximal(self, u: Tensor, p: Tensor, h: Hyper, divide: bool = True) -> Tensor:
        """What takes p to (p - u) / (1 + lr wd); without `divide` to (1 - lr wd) p - u, as AdamW decays."""
        decay = h["weight_decay"]
        if is_zero(decay):
            return u
        u = axpy(h["lr"] * decay, p, u)
        return u / (1 + h["lr"] * decay) if divide else u
