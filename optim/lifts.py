"""Ways to run the same rules over all parameters: a plain loop, torch._foreach; a third is in `compile_backend`.

A lift gathers items (p, u, s, hypers, ctx, home), one a parameter or one a bucket of them, and `advance`
takes them through the stages. `p` is real and at least float32: a working copy of the parameter `home` where
that is narrower, a real view of it where it is complex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .noise import draw
from .plan import Bound, Plan
from .rule import Context
from .tensorlist import TensorList

if TYPE_CHECKING:
    from .driver import Chain

PLAIN = frozenset({torch.float32, torch.float64})


def apply(item: tuple, plan: Plan) -> None:
    """Take an item through the stages after the last reduction, and apply the step."""
    p, u, s, hypers, ctx, home = item
    u = _through(plan.updates, u, p, s, hypers, ctx)
    lr = 1.0 if plan.applies_lr else hypers[0]["lr"]
    if isinstance(lr, float | int):
        p.add_(u, alpha=-lr)  # the same as p - lr u, without a temporary
    else:
        p.sub_(u * lr)
    for after, i in plan.afters:
        q, new = after(p, s, hypers[i], ctx)
        if new is not s:
            s.update(new)
        if q is not p:
            _copy(p, q)
    if home is not None:
        _copy(home, p)


def _through(calls: list[tuple], u: Any, p: Any, s: dict[str, Any], hypers: Any, ctx: Context) -> Any:
    for update, i in calls:
        u, new = update(u, p, s, hypers[i], ctx)
        if new is not s:
            s.update(new)
    return u


def summed(item: tuple, calls: list[tuple], bound: Bound, i: int) -> tuple[tuple, dict[str, Any]]:
    """Take an item up to the stage that needs a reduction, and give its terms."""
    p, u, s, hypers, ctx, home = item
    u = _through(calls, u, p, s, hypers, ctx)
    new, terms = bound.sums(u, p, s, hypers[i], ctx)
    s.update(new)
    return (p, u, s, hypers, ctx, home), terms


def advance(
    items: Iterable[tuple],
    plan: Plan,
    root: dict[str, Any],
    summed: Callable[..., tuple[tuple, dict[str, Tensor]]] = summed,
    apply: Callable[..., None] = apply,
) -> None:
    """Take every item through all stages and apply the step.

    root: the first group, with the totals. summed, apply: what takes one item to a reduction, and to the end.
    """
    for calls, bound, i in plan.passes:
        items = _reduced(items, calls, bound, i, root, summed)
    for item in items:
        apply(item, plan)


def tell(items: list[tuple], sums: dict[str, Tensor], bound: Bound, i: int, root: dict[str, Any]) -> None:
    """Reduce, and let every item's ctx.value be what came of it."""
    overall = Context(_latest(items), None, items[0][4].loss, None)
    value = bound.reduce(sums, root, overall)
    of_group: dict[int, Any] = {}
    for p, _, _, hypers, ctx, _ in items:
        if id(hypers) not in of_group:
            of_group[id(hypers)] = bound.stage.of_group(value, hypers[i])
        value_here = of_group[id(hypers)]
        ctx.value = value_here if value_here is None else value_here.to(p.device)


def _reduced(
    items: Iterable[tuple],
    calls: list[tuple],
    bound: Bound,
    i: int,
    root: dict[str, Any],
    summed: Callable[..., tuple[tuple, dict[str, Tensor]]],
) -> list[tuple]:
    done, terms = [], {}
    for item in items:
        item, own = summed(item, calls, bound, i)
        for name, term in own.items():
            terms.setdefault(name, []).extend(_by_index(term, item[4]))
        done.append(item)
    if done:
        tell(done, {n: _total(x) for n, x in terms.items()}, bound, i, root)
    return done


def _by_index(term: Any, ctx: Context) -> Iterable[tuple[int, Tensor]]:
    return zip(ctx.index, term, strict=True) if isinstance(term, TensorList) else [(ctx.index, term)]


def _total(terms: list[tuple[int, Tensor]]) -> Tensor:
    # in the parameters' order, so that buckets and groups do not change the rounding
    ordered = [x for _, x in sorted(terms, key=lambda term: term[0])]
    return torch.stack([x.to(ordered[0].device) for x in ordered]).sum()


def _latest(items: list[tuple]) -> Any:
    # parameters that joined late have taken fewer steps than the optimizer
    ts = [item[4].t for item in items]
    return torch.stack(ts).amax() if isinstance(ts[0], Tensor) else max(ts)


def _copy(target: Any, source: Any) -> None:
    if isinstance(target, TensorList):
        torch._foreach_copy_(target.tensors, source.tensors)  # type: ignore
    else:
        target.copy_(source)


def gather(chain: Chain, loss: Any) -> Iterator[tuple]:
    """An item for every parameter with a gradient, its state made on its first step and one step older."""
    plan, state, index = chain.plan, chain.state, -1
    for group in chain.param_groups:
        hypers, maximize = plan.hypers(group), group["maximize"]
        for p in group["params"]:
            index += 1
            g = p.grad
            if g is None:
                continue
            own, home = p, None
            # a gradient with other strides than its parameter would give its memory format to the state
            if p.dtype not in PLAIN or g.layout is not torch.strided or g.stride() != p.stride():
                p, g, home = _working(p, g)
            s = state[own]
            if not s:
                s.update(plan.start(p, group))
            t = s["step"] = s["step"] + 1
            if maximize:
                g = -g
            drawn = {n: draw(k, p, group["seed"], n, index, t) for n, k in plan.draws} if plan.draws else None
            yield p, g, s, hypers, Context(t, g, loss, index, drawn), home


def real(x: Tensor) -> Tensor:
    """x itself, or a complex x as pairs of real numbers in the same memory."""
    return torch.view_as_real(x) if x.is_complex() else x


def working(x: Tensor) -> Tensor:
    """What rules see of a tensor: real and at least float32; x itself where it is."""
    x = real(x)
    return x if x.dtype in PLAIN else x.float()


def _working(p: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    if g.layout is not torch.strided:
        raise ValueError(f"sparse gradients are not supported: a parameter of shape {tuple(p.shape)} has one")
    home, p = real(p), working(p)
    g = working(g.resolve_conj() if g.is_complex() else g)
    if g.stride() != p.stride() or g.dtype != p.dtype:
        g = torch.empty_like(p).copy_(g)
    return p, g, home if home.dtype != p.dtype else None


def loop(chain: Chain, loss: Any) -> None:
    """One parameter after another, in cache: the fastest that needs no compiler, and the one to debug with."""
    _keep_freed_memory()
    advance(map(owned, gather(chain, loss)), chain.plan, chain.param_groups[0])


@cache
def _keep_freed_memory() -> None:
    """Let glibc's malloc keep what the rules' temporary tensors free, up to twice the size of this one.

    It does so once it has seen a block of 16 to 32 MiB freed, as most training does; until then it gives every
    such tensor back to the system, and the next one costs a page fault for each of its pages. Nothing is written
    to the block, so that it takes no memory.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


def owned(item: tuple) -> tuple:
    """Let the rules take the old state's memory for the new."""
    item[4].own = True
    return item


def foreach(chain: Chain, loss: Any) -> None:
    """All parameters of a group that are alike in age, dtype and device at once: few launches on a GPU."""
    buckets: dict[tuple, list[tuple]] = {}
    for item in gather(chain, loss):
        p, _, _, hypers, ctx, home = item
        key = (id(hypers), ctx.t, p.dtype, p.device, home is not None and home.dtype)
        buckets.setdefault(key, []).append(item)
    merged = [_merge(bucket) for bucket in buckets.values()]
    advance(merged, chain.plan, chain.param_groups[0])
    for bucket, item in zip(buckets.values(), merged, strict=True):
        for name, tensors in item[2].items():
            for (_, _, s, *_), x in zip(bucket, tensors, strict=True):
                s[name] = x


def _merge(bucket: list[tuple]) -> tuple:
    ps, us, states, hypers, ctxs, homes = zip(*bucket, strict=True)
    s = {name: TensorList([s[name] for s in states]) for name in states[0] if name != "step"}
    first = ctxs[0]
    drawn = first.drawn and {n: TensorList([ctx.drawn[n] for ctx in ctxs]) for n in first.drawn}
    ctx = Context(first.t, TensorList(list(us)), first.loss, [ctx.index for ctx in ctxs], drawn)
    home = None if homes[0] is None else TensorList(list(homes))
    return TensorList(list(ps)), ctx.g, s, hypers[0], ctx, home


LIFTS: dict[str, Callable[[Chain, Any], None]] = {"loop": loop, "foreach": foreach}
