"""The transforms of an optimizer, bound to the keys under which their numbers and tensors live.

A method's transforms use their own names ("betas", state "v0"), wrappers prefixed ones ("lookahead.alpha", state
"lookahead.slow"), in a parameter's group and in its flat state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from .config import OptimizerConfig, check_wrappers
from .transform import (
    ChecksState,
    Context,
    GlobalTransform,
    RemapsState,
    Transform,
    Wrapper,
    changes_momentum,
    hyper_names,
    overrides,
)

_PLACES = ("gradient", "direction", "step", "weights", "average")


class BoundTransform:
    """A transform in its place, called with the parameter's whole flat state and group instead of its own.

    method: the method's transforms, whose momentum buffers a MomentumWrapper changes, and of which one may apply lr.
    """

    def __init__(self, transform: Any, method: Iterable[Transform] = ()) -> None:
        self.transform = transform
        self.is_wrapper = isinstance(transform, Wrapper)
        self.prefix = f"{transform.name}." if self.is_wrapper else ""
        self.label = transform.name if self.is_wrapper else type(transform).__name__
        method = tuple(method)
        self.buffer_owners = method if changes_momentum(transform) else ()
        self.lr_is_applied = any(t.applies_lr for t in method)
        self.names = hyper_names(transform)
        self.defaults = {self.prefix + n: getattr(transform, n) for n in self.names}
        # a transform of the method without noise can be called as it is: nothing to translate
        direct = not self.is_wrapper and transform.noise is None
        self.update: Callable[..., Any] = transform.update if direct else self._update

    def hyper(self, group: Mapping[str, Any]) -> Mapping[str, Any]:
        """The hyper-parameters in a group, under the transform's own names."""
        if not self.prefix:
            return group
        lr = group["lr"]
        h = {"lr": lr, "step_size": 1.0 if self.lr_is_applied else lr}
        h.update((n, group[self.prefix + n]) for n in self.names)
        if self.buffer_owners:
            h["momentum_buffers"] = tuple(n for t in self.buffer_owners for n in t.momentum_buffers(group))
        return h

    def init(self, p: Any, group: Mapping[str, Any]) -> dict[str, Any]:
        own = self.transform.init(p, self.hyper(group))
        for t in self.buffer_owners:  # state beside a buffer starts as the buffer does, and has its shape
            own.update({n: x for n, x in t.init(p, group).items() if n in own and n in t.momentum_buffers(group)})
        return self._prefixed(own)

    def init_late(self, p: Any, s: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
        """A wrapper's tensors beside the state `s` of a parameter that took its steps without it."""
        h = self.hyper(group)
        buffers = {n: s[n] for n in h.get("momentum_buffers", ())}
        return self._prefixed(self.transform.init_late(p, buffers, h, s["step"]))

    def init_again(self, p: Any, s: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
        return self._prefixed(self.transform.init_again(p, self._own(dict(s)), self.hyper(group)))

    def local_terms(self, u: Any, p: Any, s: dict[str, Any], h: Any, ctx: Context) -> dict[str, Any]:
        self._set_noise(ctx)
        return self.transform.local_terms(u, p, self._own(s), h, ctx)

    def reduce(self, sums: dict[str, Any], root: dict[str, Any], ctx: Context) -> Any:
        """Reduce over all parameters; `root` is the first group, which also holds the global state."""
        return self.transform.reduce(sums, self.global_state(root), self.hyper(root), ctx)

    def global_state(self, root: Mapping[str, Any]) -> dict[str, Any]:
        """The transform's numbers of the optimizer, as they are in the first group."""
        return {n: root[self.prefix + n] for n in self.transform.global_state()}

    def evaluation_weights(self, p: Any, s: dict[str, Any], group: Mapping[str, Any], ctx: Context) -> Any:
        return self.transform.evaluation_weights(p, self._own(s), self.hyper(group), ctx)

    def end_epoch(self, losses: Sequence[float], states: Iterable[dict[str, Any]]) -> bool:
        return self.transform.end_epoch(losses, map(self._own, states))

    def post_update(self, p: Any, s: dict[str, Any], h: Any, ctx: Context) -> Any:
        own = self._own(s)
        p = self.transform.post_update(p, own, h, ctx)
        if self.buffer_owners:
            self.transform.update_momentum({n: s[n] for n in h["momentum_buffers"]}, own, h, ctx)
        return p

    def has_post_update(self) -> bool:
        return bool(self.buffer_owners) or overrides(self.transform, "post_update")

    def remap_state(self, p: Any, s: dict[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Bring the transform's tensors in `s` over to new hyper-parameters; drop what it leaves out."""
        keys = list(self.init(p, old))
        own = {key.removeprefix(self.prefix): s.pop(key) for key in keys}
        for t in self.buffer_owners:  # state beside a buffer follows the buffer
            beside = {n: own.pop(n) for n in t.momentum_buffers(old) if n in own}
            own.update(_remapped(t, beside, old, new) if beside else {})
        s.update(self._prefixed(_remapped(self.transform, own, self.hyper(old), self.hyper(new))))

    def _update(self, u: Any, p: Any, s: dict[str, Any], h: Any, ctx: Context) -> Any:
        self._set_noise(ctx)
        return self.transform.update(u, p, self._own(s), h, ctx)

    def _set_noise(self, ctx: Context) -> None:
        ctx.noise = ctx.noises[self.label] if self.transform.noise else None

    def _own(self, s: dict[str, Any]) -> dict[str, Any]:
        n = len(self.prefix)
        return {k[n:]: x for k, x in s.items() if k.startswith(self.prefix)} if n else s

    def _prefixed(self, own: dict[str, Any]) -> dict[str, Any]:
        return {self.prefix + n: x for n, x in own.items()} if self.prefix else own


def _remapped(transform: Transform, s: dict[str, Any], old: Any, new: Any) -> dict[str, Any]:
    return transform.remap_state(s, old, new) if isinstance(transform, RemapsState) else s


def _split_decay(method: tuple[Transform, ...]) -> tuple[tuple[Transform, ...], tuple[Transform, ...]]:
    """A method's transforms up to its decoupled decay, and the decay."""
    end = len(method)
    while end and method[end - 1].decoupled:
        end -= 1
    return method[:end], method[end:]


class Pipeline:
    """What one step calls, in order: everything that does not depend on the parameters. Made once per optimizer."""

    def __init__(self, config: OptimizerConfig, wrap: Iterable[Wrapper]) -> None:
        wrap = tuple(wrap)
        check_wrappers(config, wrap)
        at = {place: [w for w in wrap if w.place == place] for place in _PLACES}
        assert len(wrap) == sum(map(len, at.values())), "a wrapper's place is none of " + ", ".join(_PLACES)
        method = config.transforms()
        direction, decay = _split_decay(method)
        before = (*at["gradient"], *direction, *at["direction"], *decay, *at["step"])
        transforms = (*before, *at["weights"], *at["average"])
        self.bound_transforms = [BoundTransform(transform, method) for transform in transforms]
        self.defaults = self._defaults(config)
        self.uses_loss = any(transform.uses_loss for transform in transforms)
        self.applies_lr = any(transform.applies_lr for transform in transforms)
        self.eager_only = any(transform.eager_only for transform in transforms)
        self.state_checks = [transform.check_state for transform in method if isinstance(transform, ChecksState)]
        self.noises = [(b.label, b.transform.noise) for b in self.bound_transforms if b.transform.noise]
        self.post_updates = [(b.post_update, i) for i, b in enumerate(self.bound_transforms) if b.has_post_update()]
        evaluators = [b for b in self.bound_transforms if overrides(b.transform, "evaluation_weights")]
        self.evaluator = evaluators[-1] if evaluators else None
        self.end_epochs = [b.end_epoch for b in self.bound_transforms if overrides(b.transform, "end_epoch")]
        self.reductions, self.updates = self._split()
        self.global_state = {
            b.prefix + n: x for _, b, _ in self.reductions for n, x in b.transform.global_state().items()
        }

    def _split(self) -> tuple[list[tuple[list[Any], BoundTransform, int]], list[tuple[Any, int]]]:
        """Cut the updates where a transform needs a reduction over all parameters first."""
        reductions, calls = [], []
        for i, bound in enumerate(self.bound_transforms):
            if isinstance(bound.transform, GlobalTransform):
                reductions.append((calls, bound, i))
                calls = []
            if overrides(bound.transform, "update"):
                calls.append((bound.update, i))
        return reductions, calls

    def hypers(self, group: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The hyper-parameters of every transform in one group."""
        return [bound.hyper(group) for bound in self.bound_transforms]

    def init(self, p: Any, group: Mapping[str, Any]) -> dict[str, Any]:
        """The state of a parameter that has taken no step."""
        state: dict[str, Any] = {"step": 0}
        for bound in self.bound_transforms:
            new = bound.init(p, group)
            assert not state.keys() & new.keys(), f"{bound.label}: state keys {list(new)} are taken"
            state.update(new)
        return state

    def _defaults(self, config: OptimizerConfig) -> dict[str, Any]:
        defaults: dict[str, Any] = {"lr": config.lr}
        for bound in self.bound_transforms:
            assert not defaults.keys() & bound.defaults.keys(), f"{bound.label}: its group keys are taken"
            defaults.update(bound.defaults)
        return defaults


class PipelineOptimizer(Protocol):
    """What backends, loading and metrics need of an optimizer: ComposedOptimizer, which imports them."""

    pipeline: Pipeline
    programs: dict[Any, Any]  # of the compile backend, by what they were compiled for
    param_groups: list[dict[str, Any]]
    state: Any  # of each parameter
