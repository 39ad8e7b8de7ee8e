"""The step by torch.compile: one program for the large parameters of all shapes.

A program takes one parameter, its state and its numbers. It sees a matrix of any size, a parameter's first dimension
by all others (vectors stay vectors), so that a network's weights share one program, whatever their memory format.
Hyper-parameters and step counts are one tensor, so that a schedule changes an input and compiles nothing.

The first step takes 16 to 21 s of CPU time for ResNet-34's 110 tensors with an empty cache of torch.compile, 3 to 5 s
with a filled one (AdamW, AggMo and AdamP; 2 cores of a Xeon with AMX, torch 2.15, one thread, n=1 each).

A program is compiled for each dtype, device and set of state tensors, and again where a number other than lr becomes
0 or no longer is: what a transform leaves out at 0 is not in the program. Parameters of fewer than MIN_NUMEL elements
take the loop's step, for calling a program costs more than that; so do DTensors, those that are not dense in memory, or
whose state has another shape (but a number for each row or column), dtype, device or memory format, as where `p.data`
was replaced: with the loop's result, or its error. So does every parameter of a method that is `eager_only`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from . import backends
from .backends import BACKENDS, ParameterUpdate, apply_pipeline, collect_updates
from .packing import packed, size_of, unpacked
from .pipeline import BoundTransform, Pipeline, PipelineOptimizer
from .transform import Context

MIN_NUMEL = 1 << 15

Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]
Structure = tuple[tuple[int, ...], tuple[str, ...]]


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
    """Steps an optimizer by compiled programs, kept in `optimizer.programs`.

    compiler: makes a program of a function. Other ones than inductor are for tests.
    """

    def __init__(self, compiler: Compiler = inductor) -> None:
        self.compiler = compiler

    def __call__(self, optimizer: PipelineOptimizer, loss: Any) -> None:
        pipeline = optimizer.pipeline
        if pipeline.eager_only:
            return BACKENDS["loop"](optimizer, loss)
        step = _Step(optimizer, loss if pipeline.uses_loss else None, self.compiler)
        updates = collect_updates(optimizer, loss)
        apply_pipeline(updates, pipeline, optimizer.param_groups[0], step.local_terms, step.finish)


class _Step:
    """One step: the two passes over a parameter, each by a program where the parameter has one."""

    def __init__(self, optimizer: PipelineOptimizer, loss: Tensor | None, compiler: Compiler) -> None:
        self.programs, self.pipeline = optimizer.programs, optimizer.pipeline
        self.loss, self.compiler = loss, compiler
        self.keys = list(optimizer.pipeline.defaults)
        self.groups = [group for group in optimizer.param_groups for _ in group["params"]]
        self.structures: dict[int, Structure] = {}
        self.numbers: dict[tuple[int, int, torch.device], Tensor] = {}

    def finish(self, update: ParameterUpdate, pipeline: Pipeline) -> None:
        """`backends.finish`, compiled."""
        if (shape := matrix_shape(update)) is None:
            backends.finish(update, pipeline)
        else:
            self._run(update, shape, None)

    def local_terms(
        self, update: ParameterUpdate, calls: list[Any], bound: BoundTransform, i: int
    ) -> dict[str, Tensor]:
        """`backends.local_terms`, compiled."""
        if (shape := matrix_shape(update)) is None:
            return backends.local_terms(update, calls, bound, i)
        u, terms = self._run(update, shape, (calls, bound, i))
        update.u = u.as_strided(update.p.shape, update.p.stride())
        return terms

    def _run(self, update: ParameterUpdate, shape: tuple[int, ...], reduction: tuple | None) -> Any:
        p, ctx, narrow = update.p, update.ctx, update.narrow
        group = self.groups[update.index]
        structure = self._structure(group)
        tensors = {name: x for name, x in update.state.items() if name != "step"}
        kind = len(shape), p.dtype, p.device, narrow is not None and narrow.dtype
        key = (reduction and reduction[2], *kind, *tensors, *structure)
        if key not in self.programs:
            self.programs[key] = self.compiler(_program(self.pipeline, self.keys, structure, reduction))
        as_matrix = partial(_as_matrix, shape=shape, of=p.shape)
        u = as_matrix(update.u)
        return self.programs[key](
            as_matrix(p),
            u,
            u if ctx.g is update.u else as_matrix(ctx.g),
            {name: as_matrix(x) for name, x in tensors.items()},
            None if narrow is None else as_matrix(narrow),
            ctx.noises and {name: as_matrix(x) for name, x in ctx.noises.items()},
            ctx.global_state if reduction else None,
            ctx.reduced,
            self.loss,
            self._numbers(group, ctx.t, p.device),
        )

    def _structure(self, group: dict[str, Any]) -> Structure:
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
            numbers = [*packed(group, self.keys), t]
            # float64, because 1 - beta2 in float32 is wrong in the fifth digit
            dtype = torch.float32 if device.type == "mps" else torch.float64
            if any(isinstance(x, Tensor) for x in numbers):
                made = torch.stack([torch.as_tensor(x, dtype=dtype, device=device) for x in numbers])
            else:
                made = torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)
            self.numbers[key] = made
        return self.numbers[key]


def matrix_shape(update: ParameterUpdate) -> tuple[int, ...] | None:
    """The shape in which a program takes the parameter's tensors; None where it takes the loop's step."""
    p = update.p
    if p.numel() < MIN_NUMEL or not _is_dense(p) or hasattr(p, "device_mesh"):  # a DTensor can't be restrided
        return None
    shape = (p.numel(),) if p.ndim == 1 else (p.shape[0], p.numel() // p.shape[0])
    for x in update.state.values():
        if isinstance(x, Tensor):
            alike = x.dtype == p.dtype and x.device == p.device
            if not alike or not (x.ndim == 0 or _is_row_or_column(x, shape) or _is_placed_alike(x, p)):
                return None
    return shape


def _is_row_or_column(x: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether x has a number for each row of a matrix, or one for each column."""
    return len(shape) == 2 and x.ndim == 1 and x.shape[0] in shape and x.is_contiguous()


def _is_placed_alike(x: Tensor, p: Tensor) -> bool:
    return x.shape == p.shape and x.stride() == p.stride()


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


def _program(pipeline: Pipeline, keys: list[str], structure: Structure, reduction: tuple | None) -> Callable[..., Any]:
    """A pass over one parameter: to a reduction, or after the last one where that is None."""
    sizes, zeros = structure

    def program(p, u, g, state, narrow, noises, global_state, reduced, loss, numbers):  # noqa: ANN001
        group, at = unpacked(numbers, keys, sizes)
        ctx = Context(numbers[at], g, loss, noises)
        ctx.global_state, ctx.reduced = global_state, reduced
        hypers = pipeline.hypers({**group, **dict.fromkeys(zeros, 0.0)})
        update = ParameterUpdate(p, u, state, hypers, ctx, None, narrow)
        if reduction is None:
            return backends.finish(update, pipeline)
        terms = backends.local_terms(update, *reduction)
        return update.u, terms

    return program


BACKENDS["compile"] = CompileBackend()
