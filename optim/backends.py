"""Backends: ways to run the same transforms over all parameters: a plain loop, torch._foreach, and `compile_backend`.

A backend collects a `ParameterUpdate` for each parameter with a gradient, and `apply_pipeline` takes them through the
transforms and applies the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .noise import draw
from .pipeline import BoundTransform, Pipeline, PipelineOptimizer
from .tensorlist import TensorList
from .transform import Context

WORKING_DTYPES = frozenset({torch.float32, torch.float64})


@dataclass(slots=True)
class ParameterUpdate:
    """One step of one parameter on its way through the transforms; by foreach, of a bucket of parameters."""

    p: Any  # real and at least float32: the parameter, a real view of a complex one, or a wider copy of a narrower one
    u: Any  # the running update; at first the gradient
    state: dict[str, Any]
    hypers: list[Mapping[str, Any]]  # of every transform
    ctx: Context
    index: Any  # the parameter's place among all parameters; a list of them for a bucket
    narrow: Any = None  # the parameter itself, where p is a wider copy


def finish(update: ParameterUpdate, pipeline: Pipeline) -> None:
    """Take a parameter through the transforms after the last reduction, and apply the step."""
    p, s, hypers, ctx = update.p, update.state, update.hypers, update.ctx
    u = _transformed(update, pipeline.updates)
    lr = 1.0 if pipeline.applies_lr else hypers[0]["lr"]
    if isinstance(lr, float | int):
        p.add_(u, alpha=-lr)  # the same as p - lr u, without a temporary
    else:
        p.sub_(u * lr)
    for post_update, i in pipeline.post_updates:
        q = post_update(p, s, hypers[i], ctx)
        if q is not p:
            p.copy_(q)
    if update.narrow is not None:
        update.narrow.copy_(p)


def _transformed(update: ParameterUpdate, calls: list[tuple[Callable[..., Any], int]]) -> Any:
    u, p, s, hypers, ctx = update.u, update.p, update.state, update.hypers, update.ctx
    for call, i in calls:
        u = call(u, p, s, hypers[i], ctx)
    return u


def local_terms(update: ParameterUpdate, calls: list[Any], bound: BoundTransform, i: int) -> dict[str, Any]:
    """Take a parameter up to a GlobalTransform, and return its terms."""
    update.u = _transformed(update, calls)
    return bound.local_terms(update.u, update.p, update.state, update.hypers[i], update.ctx)


def apply_pipeline(
    updates: Iterable[ParameterUpdate],
    pipeline: Pipeline,
    root: dict[str, Any],
    local_terms: Callable[..., dict[str, Any]] = local_terms,
    finish: Callable[[ParameterUpdate, Pipeline], None] = finish,
) -> None:
    """Take every parameter through all transforms and apply the step.

    root: the first group, with the global state. local_terms, finish: a backend's own form of these two passes.
    """
    for calls, bound, i in pipeline.reductions:
        updates = list(updates)
        if updates:
            _give_global_state(updates, bound, root)
            _reduce(updates, [local_terms(update, calls, bound, i) for update in updates], bound, i, root)
    for update in updates:
        finish(update, pipeline)


def _give_global_state(updates: list[ParameterUpdate], bound: BoundTransform, root: dict[str, Any]) -> None:
    """Put the optimizer's numbers into every parameter's context, on its device and in its dtype."""
    alike: dict[tuple[torch.device, torch.dtype], dict[str, Tensor]] = {}
    for update in updates:
        key = update.p.device, update.p.dtype
        if key not in alike:
            alike[key] = {name: x.to(*key) for name, x in bound.global_state(root).items()}
        update.ctx.global_state = alike[key]


def _reduce(
    updates: list[ParameterUpdate], local: list[dict[str, Any]], bound: BoundTransform, i: int, root: dict[str, Any]
) -> None:
    """Sum the terms over all parameters, reduce them, and give every parameter's context the result."""
    terms: dict[str, list[tuple[int, Tensor]]] = {}
    for update, own in zip(updates, local, strict=True):
        for name, term in own.items():
            terms.setdefault(name, []).extend(_by_index(term, update.index))
    ctx = Context(_latest(updates), None, updates[0].ctx.loss)
    value = bound.reduce({name: _total(x) for name, x in terms.items()}, root, ctx)
    of_group: dict[int, Tensor] = {}
    for update in updates:
        group = id(update.hypers)
        if group not in of_group:
            of_group[group] = bound.transform.for_group(value, update.hypers[i])
        update.ctx.reduced = of_group[group].to(update.p.device)


def _by_index(term: Any, index: Any) -> Iterable[tuple[int, Tensor]]:
    return zip(index, term, strict=True) if isinstance(term, TensorList) else [(index, term)]


def _total(terms: list[tuple[int, Tensor]]) -> Tensor:
    # in the parameters' order, so that buckets and groups do not change the rounding
    ordered = [x for _, x in sorted(terms, key=lambda term: term[0])]
    # of a DTensor, whose parts the processes hold
    ordered = [x.full_tensor() if hasattr(x, "full_tensor") else x for x in ordered]  # type: ignore[attr-defined]
    return torch.stack([x.to(ordered[0].device) for x in ordered]).sum()


def _latest(updates: list[ParameterUpdate]) -> Any:
    # parameters that joined late have taken fewer steps than the optimizer
    ts = [update.ctx.t for update in updates]
    return torch.stack(ts).amax() if isinstance(ts[0], Tensor) else max(ts)


def check_step(optimizer: PipelineOptimizer) -> None:
    """Raise ValueError for what would end a step halfway: a sparse gradient, numbers that the state does not fit."""
    state = optimizer.state
    for group in optimizer.param_groups:
        for check in optimizer.pipeline.state_checks:
            check(next((state[p] for p in group["params"] if state.get(p)), {}), group)
        for p in group["params"]:
            if (g := p.grad) is not None and g.layout is not torch.strided:
                raise ValueError(f"sparse gradients are not supported: a parameter of shape {tuple(p.shape)} has one")


def make_state(optimizer: PipelineOptimizer) -> None:
    """Make the state of every parameter that has a gradient and none yet, as before its first step."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None and not optimizer.state[p]:
                optimizer.state[p].update(optimizer.pipeline.init(working(p.detach()), group))


def collect_updates(optimizer: PipelineOptimizer, loss: Any) -> Iterator[ParameterUpdate]:
    """Every parameter with a gradient, its state made on its first step and one step older."""
    pipeline, state, index = optimizer.pipeline, optimizer.state, -1
    for group in optimizer.param_groups:
        hypers, maximize = pipeline.hypers(group), group["maximize"]
        for parameter in group["params"]:
            index += 1
            p, g, narrow = parameter, parameter.grad, None
            if g is None:
                continue
            # a gradient with other strides than its parameter would give its memory format to the state
            if p.dtype not in WORKING_DTYPES or g.dtype != p.dtype or g.stride() != p.stride():
                p, g, narrow = _working_pair(p, g)
            s = state[parameter]
            if not s:
                s.update(pipeline.init(p, group))
            t = s["step"] = s["step"] + 1
            if maximize:
                g = -g
            noises = pipeline.noises and {n: draw(k, p, group["seed"], n, index, t) for n, k in pipeline.noises}
            yield ParameterUpdate(p, g, s, hypers, Context(t, g, loss, noises), index, narrow)


def real(x: Tensor) -> Tensor:
    """x itself, or a complex x as pairs of real numbers in the same memory; a vector, if it is dense, as a vector."""
    if not x.is_complex():
        return x
    pairs = torch.view_as_real(x)
    return pairs.view(-1) if pairs.ndim == 2 and pairs.is_contiguous() else pairs


def working(x: Tensor) -> Tensor:
    """What transforms see of a tensor: real and at least float32; x itself where it is."""
    x = real(x)
    return x if x.dtype in WORKING_DTYPES else x.float()


def _working_pair(p: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    narrow, p = real(p), working(p)
    g = working(g.resolve_conj() if g.is_complex() else g).reshape(p.shape)
    if g.stride() != p.stride() or g.dtype != p.dtype:
        g = torch.empty_like(p).copy_(g)
    return p, g, narrow if narrow.dtype != p.dtype else None


def loop(optimizer: PipelineOptimizer, loss: Any) -> None:
    """One parameter after another, in cache: the fastest that needs no compiler, and the one to debug with."""
    _keep_freed_memory()
    apply_pipeline(collect_updates(optimizer, loss), optimizer.pipeline, optimizer.param_groups[0])


@cache
def _keep_freed_memory() -> None:
    """Let glibc's malloc keep what the transforms' temporary tensors free, up to twice the size of this one.

    It does so once it has seen a block of 16 to 32 MiB freed, as most training does; until then it gives every
    such tensor back to the system, and the next one costs a page fault for each of its pages. Nothing is written
    to the block, so that it takes no memory.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


def foreach(optimizer: PipelineOptimizer, loss: Any) -> None:
    """All parameters of a group that are alike in age, dtype and device at once: few launches on a GPU."""
    buckets: dict[tuple, list[ParameterUpdate]] = {}
    for update in collect_updates(optimizer, loss):
        p, narrow = update.p, update.narrow
        # and alike in state: a matrix may have other tensors than a vector
        key = (id(update.hypers), update.ctx.t, p.dtype, p.device, narrow is not None and narrow.dtype, *update.state)
        buckets.setdefault(key, []).append(update)
    merged = [_merged(bucket) for bucket in buckets.values()]
    apply_pipeline(merged, optimizer.pipeline, optimizer.param_groups[0])
    for bucket, whole in zip(buckets.values(), merged, strict=True):
        for name, tensors in whole.state.items():
            for update, x in zip(bucket, tensors, strict=True):
                update.state[name] = x


def _merged(bucket: list[ParameterUpdate]) -> ParameterUpdate:
    """The updates of a bucket as one, on lists of tensors."""
    first = bucket[0]

    def listed(get: Callable[[ParameterUpdate], Tensor]) -> Any:
        return TensorList([get(update) for update in bucket])

    state = {name: listed(lambda x, n=name: x.state[n]) for name in first.state if name != "step"}
    g = listed(lambda x: x.u)
    noises = first.ctx.noises and {name: listed(lambda x, n=name: x.ctx.noises[n]) for name in first.ctx.noises}
    ctx = Context(first.ctx.t, g, first.ctx.loss, noises)
    narrow = None if first.narrow is None else listed(lambda x: x.narrow)
    return ParameterUpdate(
        listed(lambda x: x.p), g, state, first.hypers, ctx, [update.index for update in bucket], narrow
    )


BACKENDS: dict[str, Callable[[PipelineOptimizer, Any], None]] = {"loop": loop, "foreach": foreach}
