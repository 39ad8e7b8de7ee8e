"""Optimizers with one deliberate mistake each, and the checks that must fail for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from optim import OptimizerConfig, Transform
from optim.conformance import Candidate
from optim.ranges import ranged
from optim.rules.sgd import HeavyBall

GRADIENTS = "p.grad is left as it is, and nothing in the state is an alias"
LATE = "gradients that are None leave parameter and state alone; a late one counts its own steps"
ZERO = "zero gradients give finite steps"
NAN = "a nan gradient reaches no other parameter"
EMPTY = "0-dim and empty parameters"
LAYOUT = "the memory format, channels_last or transposed, is kept and changes nothing"
COMPLEX = "complex parameters are their real view"
SPARSE = "sparse gradients are refused"
MAXIMIZE = "maximize is descent on negated gradients"
GROUPS = "several groups are one group"
LATE_GROUP = "add_param_group in mid-training"
NUMBERS = "every number acts, and in its own group"
MOVES = "it moves every parameter that has a gradient, and stays finite"
SIZES = "the state keeps its names and sizes, and counts its steps"
RESUME = "resume through torch.save and weights_only goes on"
DEEPCOPY = "deepcopy goes on"
PICKLE = "pickle goes on"
WRITES = "transforms write into their own state only"
HALF = "parameters of 16 bits have float32 state, also after loading"
PRECISION = "state saved in another precision goes on in the working one"
SCHEDULERS = "schedulers act, as the same rates set by hand"
ZERO_RATE = "lr=0 moves nothing"
TENSOR_RATE = "lr may be a tensor"
SCALER = "GradScaler: unscaled steps, and a skipped step changes nothing"
CLOSURE = "a closure is called once, with gradients enabled"
EVALUATION = "evaluation weights come and go without a trace"
BACKENDS = "loop and foreach are equal, also where groups differ"
COMPILE = "compile is within 1e-6 of the loop"

OUTSIDE: dict[str, Any] = {}  # what some of the mistakes keep outside of the optimizer's state
Update = Callable[[Any, Any, Any, Any, Any], Any]


def in_place(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    return u.add_(p, alpha=h["decay"])


def alias(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    s["w"] = u
    return u


def weights(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    p.mul_(1 - h["decay"])
    return u


def count(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    OUTSIDE["count"] = OUTSIDE.get("count", 0) + 1
    return u / OUTSIDE["count"]


def noise(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    return u + random.gauss(0.0, 1.0) * h["decay"]


def unit(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    return u / u.square().sum().sqrt()


def leak(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    last, OUTSIDE["last"] = OUTSIDE.get("last", 0.0), u.sum()
    return u + 0.1 * last


def host(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    return u if float(u.flatten()[0]) > 0 else 2 * u


def contiguous(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    s["w"] = (u + p).contiguous()
    return u


def grows(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    s[f"w{ctx.t}"] = u + 0.0
    return u


def cast(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    s["w"] = (0.5 * s["w"] + 0.5 * u).to(torch.bfloat16)
    return u + s["w"].to(u.dtype)


def fixed_rate(u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
    return u + h["decay"] * p / h["lr"]


UPDATES: dict[str, Update] = {
    f.__name__: f
    for f in (in_place, alias, weights, count, noise, unit, leak, host, contiguous, grows, cast, fixed_rate)
}


@dataclass(frozen=True)
class Mistaken(Transform):
    """L2 of strength `decay + unread`, with a mistake from UPDATES before it; without `unread` for that mistake."""

    decay: float = ranged(0.1, "[0, 1)")
    unread: float = ranged(0.1, "[0, 1)")
    mistake: str = ""

    def init(self, p: Any, h: Any) -> Any:
        return {"w": torch.zeros_like(p)}

    def update(self, u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
        if self.mistake == "unread":
            return u + h["decay"] * p
        u = UPDATES[self.mistake](u, p, s, h, ctx) if self.mistake else u
        return u + (h["decay"] + h["unread"]) * p


@dataclass(frozen=True)
class MistakenConfig(OptimizerConfig):
    name: ClassVar[str] = "mistaken"
    lr: float = ranged(0.1, "[0, inf)")
    mistake: str = ""

    def transforms(self) -> tuple[Transform, ...]:
        return Mistaken(mistake=self.mistake), HeavyBall(0.5)


def _each(optimizer: Any, change: Callable[[Any], Any]) -> None:
    for group in optimizer.param_groups:
        for p in group["params"]:
            change(p)


def none_is_zero(optimizer: Any, *_: Any) -> None:
    def fill(p: Any) -> None:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad

    _each(optimizer, fill)


def conjugate(optimizer: Any, *_: Any) -> None:
    def change(p: Any) -> None:
        p.grad = p.grad.conj().resolve_conj() if p.is_complex() else p.grad

    _each(optimizer, change)


def dense(optimizer: Any, *_: Any) -> None:
    def change(p: Any) -> None:
        p.grad = p.grad.to_dense() if p.grad is not None and p.grad.is_sparse else p.grad

    _each(optimizer, change)


def scalars_left_out(optimizer: Any, *_: Any) -> None:
    def change(p: Any) -> None:
        p.grad = None if p.ndim == 0 else p.grad

    _each(optimizer, change)


def first_group_only(optimizer: Any, *_: Any) -> None:
    for group in optimizer.param_groups[1:]:
        for p in group["params"]:
            p.grad = None


def constant_rate(optimizer: Any, *_: Any) -> None:
    for group in optimizer.param_groups:
        group["lr"] = 0.1


def number_for_tensor(optimizer: Any, *_: Any) -> None:
    """Keep the value that the tensor had at the first step."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"] = torch.tensor(0.1, dtype=torch.float64)


def closure_twice(optimizer: Any, args: Any, kwargs: Any) -> None:
    if len(args) > 1:
        args[1]()


def supports_scaling(optimizer: Any) -> None:
    optimizer._step_supports_amp_scaling = True  # but divides by no scale and skips nothing


def ignores_maximize(optimizer: Any) -> None:
    for group in optimizer.param_groups:
        group["maximize"] = False


def other_rate(*backends: str) -> Callable[[Any], None]:
    def change(optimizer: Any) -> None:
        if optimizer.backend in backends:
            optimizer.param_groups[0]["lr"] *= 1.01

    return change


@dataclass
class MistakenCandidate(Candidate):
    """A candidate whose optimizers are changed once they are built: by a hook before each step, or at once."""

    hook: Callable[..., None] | None = field(default=None)
    change: Callable[[Any], None] | None = field(default=None)

    def build(self, params: Any, **options: Any) -> Any:
        optimizer = super().build(params, **options)
        if self.hook is not None:
            optimizer.register_step_pre_hook(self.hook)
        if self.change is not None:
            self.change(optimizer)
        return optimizer


def mistaken(mistake: str = "", **changes: Any) -> MistakenCandidate:
    return MistakenCandidate(MistakenConfig(mistake=mistake), **changes)


# name: (a function that builds the candidate, the checks that must fail; others may fail as a consequence)
MISTAKES: dict[str, tuple[Callable[[], Candidate], tuple[str, ...]]] = {
    "in_place": (lambda: mistaken("in_place"), (GRADIENTS, WRITES)),
    "alias": (lambda: mistaken("alias"), (GRADIENTS, WRITES)),
    "weights": (lambda: mistaken("weights"), (ZERO_RATE, WRITES)),
    "count": (lambda: mistaken("count"), (RESUME, DEEPCOPY, PICKLE, GROUPS, BACKENDS, LATE)),
    "noise": (lambda: mistaken("noise"), (RESUME, DEEPCOPY, PICKLE, GROUPS, EVALUATION, CLOSURE)),
    "unit": (lambda: mistaken("unit"), (ZERO,)),
    "leak": (lambda: mistaken("leak"), (NAN,)),
    "host": (lambda: mistaken("host"), (EMPTY, BACKENDS)),
    "contiguous": (lambda: mistaken("contiguous"), (LAYOUT,)),
    "grows": (lambda: mistaken("grows"), (SIZES, WRITES)),
    "cast": (lambda: mistaken("cast"), (HALF, PRECISION)),
    "fixed_rate": (lambda: mistaken("fixed_rate"), (ZERO_RATE,)),
    "unread": (lambda: mistaken("unread"), (NUMBERS,)),
    "none_is_zero": (lambda: mistaken(hook=none_is_zero), (LATE,)),
    "conjugate": (lambda: mistaken(hook=conjugate), (COMPLEX,)),
    "dense": (lambda: mistaken(hook=dense), (SPARSE,)),
    "scalars_left_out": (lambda: mistaken(hook=scalars_left_out), (MOVES, EMPTY)),
    "first_group_only": (lambda: mistaken(hook=first_group_only), (LATE_GROUP, GROUPS)),
    "constant_rate": (lambda: mistaken(hook=constant_rate), (SCHEDULERS, ZERO_RATE)),
    "number_for_tensor": (lambda: mistaken(hook=number_for_tensor), (TENSOR_RATE,)),
    "closure_twice": (lambda: mistaken(hook=closure_twice), (CLOSURE,)),
    "supports_scaling": (lambda: mistaken(change=supports_scaling), (SCALER,)),
    "ignores_maximize": (lambda: mistaken(change=ignores_maximize), (MAXIMIZE,)),
    "other_in_foreach": (lambda: mistaken(change=other_rate("foreach")), (BACKENDS,)),
    "other_in_compile": (lambda: mistaken(change=other_rate("compile")), (COMPILE,)),
}
