"""The one torch.optim.Optimizer: owns groups, state, checkpoints and hooks; rules are arithmetic only.

    Chain(params, AggMo(lr=0.1))                               what optim.AggMo(params, lr=0.1) is
    Chain(params, Adam(), [GradientNoise(), Lookahead(k=6)])   what optim.build makes of names and numbers

State is flat, state[p]["v0"], with each parameter's own count of steps, state[p]["step"]. A gradient that is
None leaves its parameter alone; a nan or infinite one is not caught: it reaches that parameter's weights and
state, and no other's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from . import compile_backend as _compile_backend  # noqa: F401  registers itself
from .checkpoint import matched
from .groups import Hypers
from .lifts import LIFTS, real, working
from .plan import Plan
from .ranges import check
from .rule import Context, Spec, Wrapper


class Chain(torch.optim.Optimizer):
    """An optimizer made of a Spec's rules and any wrappers.

    lift: "loop", "foreach", "compile", or "auto": the loop on a CPU and foreach elsewhere.
    seed: of the stages that draw noise. maximize: climb instead of descend.
    Raises ValueError for a value out of its range, an unknown group key, a wrapper given twice.
    """

    def __init__(
        self,
        params: Iterable[Any],
        spec: Spec,
        wrap: Iterable[Wrapper] = (),
        *,
        lift: str = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        if lift not in ("auto", *LIFTS):
            raise ValueError(f"lift={lift!r} is not one of auto, {', '.join(LIFTS)}")
        self.spec, self.wrap, self.lift = spec, tuple(wrap), lift
        check(spec, f"{type(spec).__name__}: ")
        for wrapper in self.wrap:
            check(wrapper, f"{type(wrapper).__name__}: ")
        self._prepare()
        defaults = {key: self.hypers.normal(key, value) for key, value in self.plan.defaults.items()}
        super().__init__(params, {**defaults, "maximize": maximize, "seed": seed})
        self.param_groups[0].update(self._zero_totals())

    def _prepare(self) -> None:
        # derived from spec and wrap, so not pickled
        self.plan = Plan(self.spec, self.wrap)
        self.hypers = Hypers(self.spec, self.plan)
        self.programs: dict[Any, Any] = {}  # of lift="compile", by what they were compiled for
        self.evaluating = False

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, also in mid-training; what it leaves out takes the constructor's values."""
        if isinstance(param_group, dict):
            param_group = dict(param_group)
            self.hypers.check(param_group)
            param_group = {**self.spec.derived({**self.defaults, **param_group}), **param_group}
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """Take one step and return the loss.

        closure: recomputes the gradients and returns the loss. loss: 0-dim, unscaled, for methods that read
        it where there is no closure.
        """
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.evaluating:
            raise RuntimeError("step() inside evaluation_weights(): the step would be lost")
        with torch.no_grad():
            self._lift()(self, self._loss(loss) if self.plan.uses_loss else loss)
        return loss

    def _lift(self) -> Callable[[Chain, Any], None]:
        if self.lift != "auto":
            return LIFTS[self.lift]
        params = self.param_groups[0]["params"]
        return LIFTS["loop" if not params or params[0].is_cpu else "foreach"]

    def _loss(self, loss: Any) -> Tensor:
        if loss is None:
            name = type(self.spec).__name__
            raise ValueError(f"{name}: needs the loss: step(loss=loss) or step(closure)")
        # a Python number in full precision: the rule casts it to its own
        loss = loss.detach() if isinstance(loss, Tensor) else torch.tensor(loss, dtype=torch.float64)
        return -loss if self.param_groups[0]["maximize"] else loss  # of what is minimised, as the gradient is

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, the parameters are the weights the method says to evaluate with: Lookahead's slow ones.

        The training weights come back to the last bit, whatever happens; without such a stage nothing moves.
        """
        if self.plan.evaluator is None or self.evaluating:
            yield
            return
        stepped = [p for group in self.param_groups for p in group["params"] if self.state.get(p)]
        kept = [(p, p.detach().clone()) for p in stepped]
        self.evaluating = True
        try:
            self._show_evaluation()
            yield
        finally:
            self.evaluating = False
            with torch.no_grad():
                for p, training in kept:
                    p.copy_(training)

    @torch.no_grad()
    def _show_evaluation(self) -> None:
        assert self.plan.evaluator is not None
        for group in self.param_groups:
            for p in group["params"]:
                if s := self.state.get(p):
                    ctx = Context(s["step"], None, None, None)
                    real(p).copy_(self.plan.evaluator.evaluation(working(p), s, group, ctx))

    @torch.no_grad()
    def set_momentum(self, m: float, warm: bool = True) -> None:
        """Set the momentum of every group to `m`, as AggMo's last stage of training does: betas (0, m).

        warm: keep the buffers; otherwise all state starts afresh from the present weights, step counts too.
        Learning rates, and with them any scheduler, are left alone either way.
        Raises ValueError where the method has no momentum or m is out of range; nothing is changed then.
        """
        updates = [self.spec.with_momentum(m, group) for group in self.param_groups]
        updates = [{k: self.hypers.normal(k, v) for k, v in update.items()} for update in updates]
        if not warm:
            self.state.clear()
            self.param_groups[0].update(self._zero_totals())
        for group, update in zip(self.param_groups, updates, strict=True):
            old = dict(group)
            group.update(update)
            for p in group["params"]:
                if s := self.state.get(p):
                    for bound in self.plan.bounds:
                        bound.carry(working(p), s, old, group)

    @torch.no_grad()
    def observe(self, old: list[Tensor]) -> dict[str, Tensor]:
        """What the base rules have to say of the step just taken: 0-dim tensors by name.

        old: every parameter as it was before the step; the gradients must still be there. Norms of momentum buffers
        by their state's name ("v0_norm"), zeta and its cap for Momo's, the projected fraction of weights for AdamP's.
        """
        root, seen = self.param_groups[0], {}
        befores = iter(old)
        items = [(p, q, group) for group in self.param_groups for p, q in zip(group["params"], befores, strict=False)]
        for bound in (b for b in self.plan.bounds if not b.prefix):
            terms: dict[str, Tensor] = {}
            for p, before, group in items:
                if p.grad is not None and self.state.get(p):
                    s = self.state[p]
                    ctx = Context(s["step"], working(p.grad), None, None)
                    for name, term in bound.stage.observe(working(before), s, group, ctx).items():
                        terms[name] = terms[name] + term if name in terms else term
            if terms:
                seen |= bound.stage.observed(terms, root, root)
        return seen

    def _zero_totals(self) -> dict[str, Tensor]:
        if not self.plan.totals:
            return {}
        first = working(self.param_groups[0]["params"][0].detach())
        return {key: first.new_tensor(value) for key, value in self.plan.totals.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what state_dict() gave. The dict is left as it is, and every tensor keeps its dtype.

        Raises ValueError, before anything changes, if it is not of this optimizer.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            state_dict = hook(self, state_dict) or state_dict
        state, self.param_groups = matched(self, state_dict)
        self.state = defaultdict(dict, state)
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        # torch's own keeps defaults, state and groups only
        return {**super().__getstate__(), "spec": self.spec, "wrap": self.wrap, "lift": self.lift}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.defaults.pop("differentiable", None)  # torch's addition, which would become a group key
        self._prepare()
