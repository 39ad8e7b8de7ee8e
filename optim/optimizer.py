"""The one torch.optim.Optimizer: owns groups, state, checkpoints and hooks; transforms are arithmetic only.

    ComposedOptimizer(params, AggMoConfig(lr=0.1))                                 what AggMo(params, lr=0.1) is
    ComposedOptimizer(params, AdamConfig(), [GradientNoiseWrapper(), LookaheadWrapper(k=6)])

State is flat, state[p]["v0"], with each parameter's own count of steps, state[p]["step"]. A gradient that is
None leaves its parameter alone; a nan or infinite one is not caught: it reaches that parameter's weights and
state, and no other's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import index
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from . import compile_backend as _compile_backend  # noqa: F401  registers itself
from .backends import BACKENDS, check_step, make_state, real, working
from .checkpoint import matched
from .config import OptimizerConfig
from .metrics import step_metrics
from .param_groups import GroupSchema
from .pipeline import BoundTransform, Pipeline
from .torch_base import TorchOptimizer
from .transform import Context, Wrapper

Params: TypeAlias = Iterable[Any]  # tensors, (name, tensor) pairs, or group dicts, as torch.optim takes them
Backend: TypeAlias = Literal["auto", "loop", "foreach", "compile"]


class ComposedOptimizer(TorchOptimizer):
    """An optimizer made of a configuration's transforms and any wrappers.

    wrap: wrappers of one place (gradient, step, weights, average) act in the order given; each at most once.
    backend: "loop", "foreach", "compile", or "auto": the loop on a CPU and foreach elsewhere.
    seed: of the transforms that draw noise. maximize: climb instead of descend.
    Raises ValueError for an unknown group key or backend, a group's value out of its range, a wrapper given twice.
    """

    needs_closure = False  # gradients may be there already

    def __init__(
        self,
        params: Params,
        config: OptimizerConfig,
        wrap: Iterable[Wrapper] = (),
        *,
        backend: Backend = "auto",
        seed: int = 0,
        maximize: bool = False,
    ) -> None:
        if backend not in ("auto", *BACKENDS):
            raise ValueError(f"backend={backend!r} is not one of auto, {', '.join(BACKENDS)}")
        self.config, self.wrap, self.backend = config, tuple(wrap), backend
        self._prepare()
        super().__init__(params, {**self.group_schema.shown_defaults, "maximize": maximize, "seed": index(seed)})

    def _prepare(self) -> None:
        # derived from config and wrap, so not pickled
        self.pipeline = Pipeline(self.config, self.wrap)
        self.group_schema = GroupSchema(self.config, self.pipeline)
        self.programs: dict[Any, Any] = {}  # of the compile backend, by what they were compiled for
        self.evaluating = False

    def set_wrappers(self, wrap: tuple[Wrapper, ...], new: BoundTransform) -> None:
        """Go on with these wrappers, of which `new` was not among the old ones; its state is the caller's."""
        self.wrap = wrap
        self._prepare()
        defaults = {key: self.group_schema.plain(key, value) for key, value in new.defaults.items()}
        for settings in (self.defaults, *self.param_groups):
            settings.update(defaults)
        kept = {key: value for key, value in self.param_groups[0].items() if key in self.pipeline.global_state}
        self.param_groups[0].update({**self._initial_global_state(), **kept})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, also in mid-training; what it leaves out takes the constructor's values."""
        if isinstance(param_group, dict):
            # the group of another optimizer may hold its global state
            param_group = {key: x for key, x in param_group.items() if key not in self.pipeline.global_state}
            self.group_schema.check(param_group)
            defaults = {**self.group_schema.defaults, **self.defaults}
            param_group = {**defaults, **self.config.group_values({**defaults, **param_group}), **param_group}
        super().add_param_group(param_group)
        if not any(group["params"] for group in self.param_groups[:-1]):
            self.param_groups[0].update(self._initial_global_state())

    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """Take one step and return the loss.

        closure: recomputes the gradients and returns the loss. loss: one number, unscaled, for methods that read
        it where there is no closure. Without either these methods make state and take no step where every lr is 0:
        torch.distributed.checkpoint calls step() so, to have tensors to load into.
        Raises ValueError, before anything changes, where there is no such loss, or for a sparse gradient.
        """
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.evaluating:
            raise RuntimeError("step() inside evaluation_weights(): the step would be lost")
        with torch.no_grad():
            if self.pipeline.uses_loss and closure is loss is None and all(g["lr"] == 0 for g in self.param_groups):
                make_state(self)
            else:
                minimized = self._minimized(loss) if self.pipeline.uses_loss else loss
                check_step(self)
                self._chosen_backend()(self, minimized)
        return loss

    def _chosen_backend(self) -> Callable[[ComposedOptimizer, Any], None]:
        if self.backend != "auto":
            return BACKENDS[self.backend]
        params = self.param_groups[0]["params"]
        return BACKENDS["loop" if not params or params[0].is_cpu else "foreach"]

    def _minimized(self, loss: Any) -> Tensor:
        """The loss as a detached tensor, of what is minimised, as the gradient is."""
        if loss is None:
            raise ValueError(f"{self.config.label()}: needs the loss: step(loss=loss) or step(closure)")
        # a Python number in full precision: the transform casts it to its own
        loss = loss.detach() if isinstance(loss, Tensor) else torch.tensor(loss, dtype=torch.float64)
        if loss.numel() != 1 or loss.is_complex():
            raise ValueError(
                f"{self.config.label()}: the loss is not one real number: {loss.dtype} {tuple(loss.shape)}"
            )
        loss = loss.reshape(())
        return -loss if self.param_groups[0]["maximize"] else loss

    @property
    def uses_loss(self) -> bool:
        """Whether step() needs the loss."""
        return self.pipeline.uses_loss

    @property
    def has_evaluation_weights(self) -> bool:
        """Whether evaluation_weights() shows others than the training weights."""
        return self.pipeline.evaluator is not None

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, the parameters are the weights the method says to evaluate with: Lookahead's slow ones.

        The training weights come back to the last bit, whatever happens; without such a wrapper nothing moves.
        """
        if not self.has_evaluation_weights or self.evaluating:
            yield
            return
        kept = [(p, p.detach().clone()) for p, _, _ in self._stepped()]
        self.evaluating = True
        try:
            self._load_evaluation_weights()
            yield
        finally:
            self.evaluating = False
            with torch.no_grad():
                for p, training in kept:
                    p.copy_(training)

    @torch.no_grad()
    def _load_evaluation_weights(self) -> None:
        assert self.pipeline.evaluator is not None
        for p, s, group in self._stepped():
            ctx = Context(s["step"], None)
            real(p).copy_(self.pipeline.evaluator.evaluation_weights(working(p), s, group, ctx))

    @torch.no_grad()
    def end_epoch(self, losses: Sequence[float]) -> bool:
        """Tell wrappers that watch validation, as NTASGD, its losses: one of each epoch so far, the last one last.

        Return whether a mean of the weights begins with it.
        """
        return any([end_epoch(losses, (s for _, s, _ in self._stepped())) for end_epoch in self.pipeline.end_epochs])

    def _stepped(self) -> Iterator[tuple[Tensor, dict[str, Any], dict[str, Any]]]:
        """Every parameter that has taken a step, with its state and group."""
        for group in self.param_groups:
            for p in group["params"]:
                if (s := self.state.get(p)) and s["step"]:
                    yield p, s, group

    @torch.no_grad()
    def set_momentum(self, m: float, warm: bool = True) -> None:
        """Set the momentum of every group to `m`, as AggMo's last stage of training does: betas (0, m).

        warm: keep the buffers; otherwise all state starts afresh from the present weights, step counts too.
        Learning rates, and with them any scheduler, are left alone either way.
        Raises ValueError where the method has no momentum or m is out of range; nothing is changed then.
        """
        changes = [self.config.with_momentum(m, group) for group in self.param_groups]
        changes = [{k: self.group_schema.checked(k, v) for k, v in change.items()} for change in changes]
        if not warm:
            self.state.clear()
            self.param_groups[0].update(self._initial_global_state())
        for group, change in zip(self.param_groups, changes, strict=True):
            old = dict(group)
            group.update(change)
            for p in group["params"]:
                if s := self.state.get(p):
                    for bound in self.pipeline.bound_transforms:
                        bound.remap_state(working(p), s, old, group)

    @torch.no_grad()
    def step_metrics(self, old: list[Tensor]) -> dict[str, Tensor]:
        """Metrics of the step just taken, 0-dim tensors by name; the gradients must still be there.

        old: every parameter as it was before the step. Norms of momentum buffers by their state's name ("v0_norm"),
        zeta and its cap for Momo and MomoAdam, the projected fraction of the weights for AdamP and SGDP, d for Prodigy.
        """
        return step_metrics(self, old)

    def _initial_global_state(self) -> dict[str, Tensor]:
        if not self.pipeline.global_state:
            return {}
        params = [p for group in self.param_groups for p in group["params"]]
        first = working(params[0].detach()) if params else torch.zeros(())
        return {key: first.new_tensor(value) for key, value in self.pipeline.global_state.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what state_dict() gave, whatever the dtype of the parameters then; the dict is left as it is.

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
        return {**super().__getstate__(), "config": self.config, "wrap": self.wrap, "backend": self.backend}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.defaults.pop("differentiable", None)  # torch's addition, which would become a group key
        self._prepare()
