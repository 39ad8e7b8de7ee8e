"""Transforms: the stages that an optimizer is made of.

    Adam                  L2, AdamMoments
    AdamW                 AdamMoments, DecoupledDecay      the order says what weight decay means
    Lookahead(AggMo)      L2, AggregatedMomentum | step | LookaheadWrapper

A `Transform` turns the running update `u`, at first the gradient, into the next one. Its state tensors are updated in
place, by the functions of `arithmetic` with a trailing underscore; `u`, the gradient and the parameter are never
written to. No `.item()` and no Python branch on a tensor's value (`arithmetic.choose`); decide on shapes only, and of
these on whether p has rows (`p.ndim >= 2`) and on the first dimension: compiled, all others are one. Then the same
lines run tensor by tensor, by `torch._foreach`, compiled, and vmapped over stacked runs.

Fields that are numbers (`float`, `tuple[float, ...]`) are hyper-parameters: they live in the parameter group, are
scheduled and set per group, and reach the transform in `h`. Others (`int`, `bool`, `str`) stay on `self`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from .ranges import Checked, annotation

if TYPE_CHECKING:
    from torch import Tensor

    State = dict[str, Tensor]
    Hyper = Mapping[str, Any]  # numbers; 0-dim tensors when compiled or stacked; always with "lr"


class Context:
    """What a transform may read beside its arguments, of one parameter at one step."""

    __slots__ = ("t", "g", "loss", "noise", "global_state", "reduced", "noises")

    def __init__(self, t: Any, g: Any, loss: Any = None, noises: Any = None) -> None:
        self.t = t  # 1-based count of this parameter's steps: an int, a 0-dim tensor when compiled or stacked
        self.g = g  # the raw gradient of what is minimised
        self.loss = loss  # 0-dim, detached; None unless the transform has uses_loss or the caller gave it
        self.noise: Any = None  # of p's shape, for a transform that declares `noise`
        self.global_state: Any = None  # of a GlobalTransform in `local_terms`: the numbers before this step, to read
        self.reduced: Any = None  # of a GlobalTransform: what its `reduce` returned
        self.noises = noises  # for the pipeline: the noise of every transform that declares it, by label


@dataclass(frozen=True)
class Transform:
    """One stage. `u` is the running update, `p` the parameter, `s` the stage's tensors, `h` its hyper-parameters."""

    noise: ClassVar[Literal["normal", "uniform"] | None] = None  # wants ctx.noise: N(0, 1) or U[0, 1)
    uses_loss: ClassVar[bool] = False  # wants ctx.loss: step() without a loss is refused
    applies_lr: ClassVar[bool] = False  # its u is the step itself, h["lr"] included: p <- p - u, not p - lr u
    decoupled: ClassVar[bool] = False  # weight decay beside the method: wrappers of the direction act before it

    # decides by the step count when to do costly work, which a program would do at every step: not compiled or stacked
    eager_only: ClassVar[bool] = False

    def init(self, p: Tensor, h: Hyper) -> State:
        """The state before the first step; never `p` itself. Names and values may depend on `h`, shapes only on `p`."""
        return {}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        """Update the state in place and return the next running update: a new tensor, `u` or a state tensor."""
        return u

    def momentum_buffers(self, h: Hyper) -> tuple[str, ...]:
        """Names of the state tensors that are running sums of updates, which wrappers may reset or pull back."""
        return ()


@dataclass(frozen=True)
class GlobalTransform(Transform):
    """A transform that looks at all parameters at once (Momo, clipping), in two passes.

    `local_terms` for each parameter in every group, then `reduce` once, then `update`, with the result in ctx.reduced.
    """

    def global_state(self) -> dict[str, float]:
        """Numbers of the optimizer before the first step; kept as 0-dim tensors in the first group."""
        return {}

    def local_terms(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        """Update the state in place and return 0-dim terms to be summed over all parameters."""
        raise NotImplementedError

    def reduce(self, sums: dict[str, Tensor], g: State, h: Hyper, ctx: Context) -> Tensor:
        """Update the global state `g` in place and return ctx.reduced. `h`: the first group's; ctx: t and loss only."""
        raise NotImplementedError

    def for_group(self, reduced: Tensor, h: Hyper) -> Tensor:
        """ctx.reduced of the parameters of one group, where the group's own numbers `h` matter."""
        return reduced


@dataclass(frozen=True)
class Wrapper(Checked, Transform):
    """A transform around any optimizer. Its numbers are group keys "<name>.<field>", and so are its state's.

    h["step_size"] is what the method's u is multiplied with: h["lr"], or 1.0 where the method has applied it.
    """

    name: ClassVar[str]
    place: ClassVar[Literal["gradient", "direction", "step", "weights", "average"]]
    # gradient: before the method's transforms; direction: after them, but before decoupled decay; step: after that;
    # weights: around the step, `update` last before it and `post_update` first after it; average: after these, for
    # weights that training never sees
    excludes: ClassVar[Mapping[str, str]] = {}  # names of wrappers that it can't be used with, and why
    in_epochs: ClassVar[tuple[str, ...]] = ()  # int fields that count epochs in a configuration, steps in Python

    def in_steps(self, steps_per_epoch: int) -> Wrapper:
        """The wrapper of a configuration, its fields `in_epochs` turned into steps."""
        return dataclasses.replace(self, **{name: getattr(self, name) * steps_per_epoch for name in self.in_epochs})

    def init_late(self, p: Tensor, buffers: State, h: Hyper, t: int) -> State:
        """`init` for a parameter that has taken `t` steps without this wrapper; `buffers`: its momentum buffers."""
        return self.init(p, h)

    def init_again(self, p: Tensor, s: State, h: Hyper) -> State:
        """`init` where training starts anew from the weights to evaluate with; s: the state until then."""
        return self.init(p, h)

    def post_update(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        """Called once the step is applied: update the state in place, return the weights to continue from."""
        return p

    def evaluation_weights(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        """The weights to evaluate with."""
        return p

    def end_epoch(self, losses: Sequence[float], states: Iterable[State]) -> bool:
        """Called after validation: update the parameters' states in place; return whether the evaluation weights are
        from now on others than the training weights. losses: of validation, one of each epoch so far."""
        return False


@dataclass(frozen=True)
class MomentumWrapper(Wrapper):
    """A wrapper that changes the method's momentum buffers; their names are in h["momentum_buffers"].

    State under a buffer's name starts as the buffer does, and follows it where set_momentum changes the buffers.
    """

    @property
    def changes_momentum(self) -> bool:
        """Whether `update_momentum` is to be called; a method without momentum is then refused."""
        return True

    def update_momentum(self, buffers: State, s: State, h: Hyper, ctx: Context) -> None:
        """Called after `post_update`: update the buffers and the state in place."""
        raise NotImplementedError


@runtime_checkable
class RemapsState(Protocol):
    """Optional, for a transform whose number of tensors depends on its hyper-parameters."""

    def remap_state(self, s: State, old: Hyper, new: Hyper) -> State:
        """The state once set_momentum has changed the hyper-parameters from `old` to `new`."""
        ...


@runtime_checkable
class ChecksState(Protocol):
    """Optional, for a transform whose state need not fit its hyper-parameters once a group has been written to."""

    def check_state(self, s: State, h: Hyper) -> None:
        """Raise ValueError, before a step, if the state `s` of a group's parameter, or {}, is not that of `h`."""
        ...


@runtime_checkable
class ReportsMetrics(Protocol):
    """Optional, for a transform that has more to report of a step than the norms of its momentum buffers."""

    def metric_terms(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        """0-dim terms to be summed over all parameters; `p`: before the step, `s`: after it."""
        ...

    def metrics(self, sums: dict[str, Tensor], g: State, h: Hyper) -> dict[str, Tensor]:
        """0-dim metrics by name; `g` holds the global state."""
        ...


def changes_momentum(transform: Transform) -> bool:
    return isinstance(transform, MomentumWrapper) and transform.changes_momentum


def hyper_names(transform: Transform) -> tuple[str, ...]:
    """The fields of a transform that are hyper-parameters."""
    kinds = ("float", "tuple[float")
    return tuple(f.name for f in dataclasses.fields(transform) if annotation(f).startswith(kinds))


def overrides(transform: Transform, method: str) -> bool:
    """Whether a transform defines `method` itself, so that the pipeline can leave out what would do nothing."""
    return getattr(type(transform), method, None) not in (None, getattr(Wrapper, method))
