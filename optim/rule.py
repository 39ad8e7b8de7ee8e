"""The contract of the package: what an optimizer is made of.

A `Rule` is one stage: a frozen dataclass with a pure `update`. A `Spec` is what users name: a constructor's
arguments, and the stages they stand for. A `Wrapper` is a stage that users put around any Spec.

    Adam                  L2, AdamMoments
    AdamW                 AdamMoments, DecoupledDecay      the order says what weight decay means
    Lookahead(AggMo)      L2, AggregatedMomentum | step | Lookahead

To add an optimizer, add a file in `optim/rules` with a Spec; it is found by its name. Rules for rules:
never write into `u`, `p`, `s` or the gradient (a tensor the rule has just made may be changed in place, and
`arithmetic` has running means that take the old one's place where the lift allows it, ctx.own);
no `.item()`, no Python branch on a tensor (`arithmetic.choose`); decide on `p.ndim` and shapes only, and of these on
whether p has rows (`p.ndim >= 2`) and on the first dimension: compiled, all others are one.
That is what lets the same lines run tensor by tensor, by `torch._foreach`, compiled and vmapped.

Numbers (`float`, `tuple[float, ...]`) are hyper-parameters: they live in the parameter group, are scheduled
and set per group, and reach the rule in `h`. Whatever else (`int`, `bool`, `str`) is structure and stays on
`self`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .arithmetic import dot
from .ranges import annotation

if TYPE_CHECKING:
    from torch import Tensor

    State = dict[str, Tensor]
    Hyper = Mapping[str, Any]  # numbers; 0-dim tensors when compiled; always with "lr"


class Context:
    """What a rule may know beside its arguments, of one parameter at one step."""

    __slots__ = ("t", "g", "loss", "noise", "value", "index", "drawn", "own")

    def __init__(self, t: Any, g: Any, loss: Any, index: Any, drawn: Any = None) -> None:
        self.t = t  # 1-based count of this parameter's steps: an int, a 0-dim tensor when compiled
        self.g = g  # the raw gradient of what is minimised
        self.loss = loss  # 0-dim, detached; None unless the stage says uses_loss or the caller gave it
        self.noise: Any = None  # of p's shape, for a stage with `draws`
        self.value: Any = None  # what this stage's `reduce` returned
        self.index = index  # the parameter's place among all parameters; a list of them in the foreach lift
        self.drawn = drawn  # noise of every drawing stage, for the driver
        self.own = False  # True in the loop: a rule may give up the state it was given, by the functions of arithmetic

    def owns(self, u: Any, s: State) -> bool:
        """Whether `u` is the rules' own as well: neither the gradient nor state, nor a view of them."""
        if not self.own:
            return False
        given = [self.g, *(x for x in s.values() if hasattr(x, "data_ptr"))]
        return all(u.data_ptr() != x.data_ptr() for x in given)


@dataclass(frozen=True)
class Rule:
    """One pure stage. `u` is the running update (at first the gradient), `p` the parameter, `s` this stage's
    tensors, `h` its hyper-parameters, `ctx` a Context. All but `update` have a neutral default.
    """

    draws: ClassVar[Literal["normal", "uniform"] | None] = None  # wants ctx.noise: N(0, 1) or U[0, 1)
    uses_loss: ClassVar[bool] = False  # wants ctx.loss: step() without a loss is refused
    applies_lr: ClassVar[bool] = False  # its u is the step itself, h["lr"] included: p <- p - u, not p - lr u

    def init(self, p: Tensor, h: Hyper) -> State:
        """The stage's tensors before the first step; never `p` itself. Only their number may depend on `h`."""
        return {}

    def update(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        """The next running update and the changed tensors."""
        return u, s

    def after(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[Tensor, State]:
        """Called once the step is applied: the weights to continue from, and the changed tensors."""
        return p, s

    def evaluation(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> Tensor:
        """The weights to evaluate with."""
        return p

    def carry(self, s: State, old: Hyper, new: Hyper) -> State:
        """The stage's tensors once set_momentum changed its hyper-parameters from `old` to `new`."""
        return s

    def momenta(self, h: Hyper) -> tuple[str, ...]:
        """Which of the stage's tensors are momentum, running sums of updates: what wrappers may reset or pull back."""
        return ()

    # What is worth watching of a step that has been taken: `observe` for each parameter, its terms summed over all,
    # then `observed` once. `p` is the parameter as it was before the step, `s` the state after it.

    def observe(self, p: Tensor, s: State, h: Hyper, ctx: Context) -> dict[str, Tensor]:
        """0-dim terms to be summed over all parameters; here the squares of each momentum's norm."""
        return {name: dot(s[name], s[name]) for name in self.momenta(h) if s[name].ndim or not p.ndim}

    def observed(self, terms: dict[str, Tensor], g: State, h: Hyper) -> dict[str, Tensor]:
        """The values by name; `g` holds the global numbers. Here the norm of each momentum over all parameters."""
        return {f"{name}_norm": total.sqrt() for name, total in terms.items()}

    # Methods that look at all parameters at once (Momo, clipping) take two passes: `sums` for each parameter
    # in every group, then `reduce` once, then `update`, which finds the result in ctx.value.

    def totals(self) -> dict[str, float]:
        """The stage's global numbers before the first step; kept as 0-dim tensors in the first group."""
        return {}

    def sums(self, u: Tensor, p: Tensor, s: State, h: Hyper, ctx: Context) -> tuple[State, dict[str, Tensor]]:
        """The changed tensors, and 0-dim terms to be summed over all parameters."""
        return s, {}

    def reduce(self, sums: dict[str, Tensor], g: State, h: Hyper, ctx: Context) -> tuple[State, Tensor | None]:
        """The changed global numbers `g`, and ctx.value. `h` is the first group's; ctx has `t` and `loss`."""
        return g, None

    def of_group(self, value: Tensor | None, h: Hyper) -> Tensor | None:
        """What ctx.value is for the parameters of a group, where its own numbers `h` have a part in it."""
        return value


@dataclass(frozen=True)
class Wrapper(Rule):
    """A stage around any optimizer. Its numbers are group keys "<name>.<field>", so are its state's."""

    name: ClassVar[str]
    place: ClassVar[Literal["gradient", "step", "weights", "average"]]
    # gradient: before the base rules; step: after them; weights: after the step is applied; average: after
    # these, for weights that training never sees

    def join(self, p: Tensor, m: State, h: Hyper, t: int) -> State:
        """`init` for a parameter that has taken `t` steps without this wrapper; `m` as for after_momenta."""
        return self.init(p, h)

    # A wrapper may change the base rules' momentum. It then finds the names of those buffers in h["momenta"].

    @property
    def changes_momentum(self) -> bool:
        """Whether after_momenta is to be called; a method without momentum is then refused."""
        return False

    def after_momenta(self, m: State, s: State, h: Hyper, ctx: Context) -> tuple[State, State]:
        """Called after `after`: the base rules' momentum buffers to continue from, and the changed tensors.

        Tensors of `s` under a buffer's name are carried along when set_momentum changes the buffers.
        """
        return m, s


@dataclass(frozen=True)
class Spec:
    """What users name: the arguments of an optimizer, each with its range."""

    name: ClassVar[str]
    lr: float

    def stages(self) -> tuple[Rule, ...]:
        """The rules that these arguments stand for, in order."""
        raise NotImplementedError

    def derived(self, h: Hyper) -> dict[str, Any]:
        """Hyper-parameters of a new group that follow from its others, unless the group names them."""
        return {}

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        """The group's new hyper-parameters for momentum `m`; ValueError if the method has none."""
        raise ValueError(f"{type(self).__name__}: has no momentum to set")


def hyper_names(rule: Rule) -> tuple[str, ...]:
    """The fields of a stage that are hyper-parameters."""
    kinds = ("float", "tuple[float")
    return tuple(f.name for f in dataclasses.fields(rule) if annotation(f).startswith(kinds))


def overrides(rule: Rule, method: str) -> bool:
    """Whether the stage defines `method` itself, so that the driver can leave out what would do nothing."""
    return getattr(type(rule), method) is not getattr(Rule, method)
