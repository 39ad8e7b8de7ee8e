"""The step by torch.compile: one program for the large parameters of all shapes.

A program takes one parameter, its state and its numbers. It sees a matrix of any size, a parameter's first dimension
by all others (vectors stay vectors), so that a network's weights share one program, whatever their memory format.
Hyper-parameters and step counts are one tensor, so that a schedule changes an input and compiles nothing.

A program is compiled for each dtype, device and set of state tensors, and again where a number other than lr becomes
0 or no longer is: what a rule leaves out at 0 is not in the program. Parameters of fewer than MIN_NUMEL elements take
the loop's step, for calling a program costs more than that; so do those that are not dense in memory, or whose state
has another shape, dtype, device or memory format, as where `p.data` was replaced: with the loop's result, or its error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import lifts
from .plan import Plan
from .rule import Context

if TYPE_CHECKING:
    from .driver import Chain

MIN_NUMEL = 1 << 15

Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]


def inductor(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile for tensors of all sizes."""
    # 0: what is computed among single numbers (1 - beta2**t) is computed once, not anew for every element
    return compiled_apart(function, dynamic=True, options={"realize_opcount_threshold": 0})


def compiled_apart(function: Any, **options: Any) -> Callable[..., Any]:
    """torch.compile(function, fullgraph=True, ...), whatever else has been compiled from the same lines."""
    # torch.compile counts programs per code object and gives up at the eighth: each function gets its own
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
    return torch.compile(own, fullgraph=True, **options)


class CompileBackend:
    """Steps an optimizer by compiled programs, kept in `chain.programs`.

    compiler: makes a program of a function. Other ones than inductor are for tests.
    """

    def __init__(self, compiler: Compiler = inductor) -> None:
        self.compiler = compiler

    def __call__(self, chain: Chain, loss: Any) -> None:
        step = _Step(chain, loss if chain.plan.uses_loss else None, self.compiler)
        items = map(lifts.owned, lifts.gather(chain, loss))
        lifts.advance(items, chain.plan, chain.param_groups[0], step.summed, step.apply)


class _Step:
    """One step: the two passes over an item, each by a program where the item has one."""

    def __init__(self, chain: Chain, loss: Tensor | None, compiler: Compiler) -> None:
        self.chain, self.loss, self.compiler = chain, loss, compiler
        self.keys = list(chain.plan.defaults)
        self.groups = [group for group in chain.param_groups for _ in group["params"]]
        self.structures: dict[int, tuple[tuple[int, ...], tuple[str, ...]]] = {}
        self.numbers: dict[tuple[int, int, torch.device], Tensor] = {}

    def apply(self, item: tuple, plan: Plan) -> None:
        """`lifts.apply`, compiled."""
        if (shape := matrix_shape(item)) is None:
            lifts.apply(item, plan)
        else:
            self._run(item, shape, None)

    def summed(self, item: tuple, calls: list[tuple], bound: Any, i: int) -> tuple[tuple, dict[str, Tensor]]:
        """`lifts.summed`, compiled."""
        if (shape := matrix_shape(item)) is None:
            return lifts.summed(item, calls, bound, i)
        p, _, *rest = item
        u, terms = self._run(item, shape, (calls, bound, i))
        return (p, u.as_strided(p.shape, p.stride()), *rest), terms

    def _run(self, item: tuple, shape: tuple[int, ...], part: tuple | None) -> Any:
        p, u, s, _, ctx, home = item
        group = self.groups[ctx.index]
        sizes, zeros = structure = self._structure(group)
        tensors = {name: x for name, x in s.items() if name != "step"}
        key = (part and part[2], len(shape), p.dtype, p.device, home is not None and home.dtype, *tensors, *structure)
        programs = self.chain.programs
        if key not in programs:
            programs[key] = self.compiler(_program(self.chain.plan, self.keys, sizes, zeros, part))
        matrix = partial(_as_matrix, shape=shape, of=p.shape)
        update = matrix(u)
        gradient = update if ctx.g is u else matrix(ctx.g)
        tensors = {name: matrix(x) for name, x in tensors.items()}
        target = None if home is None else matrix(home)
        drawn = ctx.drawn and {name: matrix(x) for name, x in ctx.drawn.items()}
        numbers = self._numbers(group, ctx.t, p.device)
        return programs[key](matrix(p), update, gradient, tensors, target, drawn, ctx.value, self.loss, numbers)

    def _structure(self, group: dict[str, Any]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """How many numbers each hyper-parameter has (0: it is one number), and which are 0."""
        if id(group) not in self.structures:
            values = [(key, group[key]) for key in self.keys]
            zeros = (key for key, x in values if key != "lr" and not isinstance(x, Tensor) and x == 0)
            self.structures[id(group)] = tuple(size_of(x) for _, x in values), tuple(zeros)
        return self.structures[id(group)]

    def _numbers(self, group: dict[str, Any], t: int, device: torch.device) -> Tensor:
        """The group's hyper-parameters, then the step count: one transfer to the device."""
        key = (id(group), t, device)
        if key not in self.numbers:
            self.numbers[key] = packed([*(group[key] for key in self.keys), t], device)
        return self.numbers[key]


def matrix_shape(item: tuple) -> tuple[int, ...] | None:
    """The shape in which a program takes the item's tensors; None where it takes the loop's step."""
    p, _, s, *_ = item
    if p.numel() < MIN_NUMEL or not _is_dense(p):
        return None
    for x in s.values():
        if isinstance(x, Tensor):
            alike = x.dtype == p.dtype and x.device == p.device
            if not alike or (x.ndim and (x.shape != p.shape or x.stride() != p.stride())):
                return None
    return (p.numel(),) if p.ndim == 1 else (p.shape[0], p.numel() // p.shape[0])


def _is_dense(p: Tensor) -> bool:
    """Whether p's elements lie side by side, row after row."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return p.is_contiguous() or (p.ndim in formats and p.is_contiguous(memory_format=formats[p.ndim]))


def _as_matrix(x: Tensor, shape: tuple[int, ...], of: torch.Size) -> Tensor:
    """x in another shape, in the same memory; x itself where it has not the shape `of` its parameter."""
    if x.shape != of:
        return x
    # detached: torch.compile would make the shape of what a view is a view of part of the program
    return x.as_strided(shape, (shape[-1], 1)[-len(shape) :]).detach()


def _program(
    plan: Plan, keys: list[str], sizes: tuple[int, ...], zeros: tuple[str, ...], part: tuple | None
) -> Callable[..., Any]:
    """A pass over one item: to the reduction `part`, or after the last one where that is None."""

    def program(p, u, g, state, home, drawn, value, loss, numbers):  # noqa: ANN001
        group, at = unpacked(numbers, keys, sizes)
        ctx = Context(numbers[at], g, loss, None, drawn)
        ctx.value = value
        s = dict(state)
        item = (p, u, s, plan.hypers({**group, **dict.fromkeys(zeros, 0.0)}), ctx, home)
        terms = None
        if part is None:
            lifts.apply(item, plan)
        else:
            (_, u, *_), terms = lifts.summed(item, *part)
        overwrite(state, s)
        return None if part is None else (u, terms)

    return program


def size_of(value: Any) -> int:
    return len(value) if isinstance(value, tuple | list) else 0


def packed(values: list[Any], device: torch.device) -> Tensor:
    """Numbers, tuples of them and 0-dim tensors as one tensor."""
    numbers: list[Any] = []
    for value in values:
        numbers.extend(value if size_of(value) else [value])
    # float64, because 1 - beta2 in float32 is wrong in the fifth digit
    dtype = torch.float32 if device.type == "mps" else torch.float64
    if any(isinstance(x, Tensor) for x in numbers):
        return torch.stack([torch.as_tensor(x, dtype=dtype, device=device) for x in numbers])
    return torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)


def unpacked(numbers: Tensor, keys: list[str], sizes: tuple[int, ...]) -> tuple[dict[str, Any], int]:
    """A group's hyper-parameters as views of `numbers`, and how many of its elements they take."""
    group, at = {}, 0
    for key, size in zip(keys, sizes, strict=True):
        group[key] = tuple(numbers[at + i] for i in range(size)) if size else numbers[at]
        at += size or 1
    return group, at


def overwrite(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> None:
    """Copy the new tensors into the old ones' memory."""
    for name, x in old.items():
        if new[name] is not x:
            x.copy_(new[name])


lifts.LIFTS["compile"] = CompileBackend()
