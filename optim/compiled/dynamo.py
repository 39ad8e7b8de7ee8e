"""The pure update of all parameters as one graph, by torch.compile.

Hyper-parameters and step counts enter as one tensor, so that a schedule changes an input and not the program;
a new program is compiled only where the set of parameters with gradients or their state changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..lifts import advance
from ..rule import Context

if TYPE_CHECKING:
    from ..driver import Chain


def step(chain: Chain, items: list[tuple], loss: Any) -> None:
    """One step of all items."""
    keys = list(chain.plan.defaults)
    sizes = [[size_of(group[key]) for key in keys] for group in chain.param_groups]
    names = [tuple(n for n in s if n != "step") for _, _, s, *_ in items]
    ids = [ctx.index for *_, ctx, _ in items]
    structure = repr((sizes, names, ids))
    if structure not in chain.programs:
        chain.programs[structure] = _program(chain, sizes, ids)
    root = chain.param_groups[0]
    chain.programs[structure](
        [p.detach() for p, *_ in items],
        [u for _, u, *_ in items],
        [{n: s[n] for n in own} for (_, _, s, *_), own in zip(items, names, strict=True)],
        [home for *_, home in items],
        _values(chain, keys, [ctx.t for *_, ctx, _ in items], items[0][0].device),
        [ctx.drawn for *_, ctx, _ in items],
        loss,
        {key: root[key] for key in chain.plan.totals},
    )


def size_of(value: Any) -> int:
    return len(value) if isinstance(value, tuple | list) else 0


def _values(chain: Chain, keys: list[str], ts: list[int], device: torch.device) -> Tensor:
    """Every number of every group, then the step counts: one transfer to the device."""
    numbers: list[Any] = []
    for group in chain.param_groups:
        for key in keys:
            numbers.extend(group[key] if size_of(group[key]) else [group[key]])
    numbers += ts
    # float64, because 1 - beta2 in float32 is wrong in the fifth digit
    dtype = torch.float32 if device.type == "mps" else torch.float64
    if any(isinstance(x, Tensor) for x in numbers):
        return torch.stack([torch.as_tensor(x, dtype=dtype, device=device) for x in numbers])
    return torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)


def _program(chain: Chain, sizes: list[list[int]], ids: list[int]) -> Callable[..., None]:
    plan, keys = chain.plan, list(chain.plan.defaults)
    owners = [n for n, group in enumerate(chain.param_groups) for _ in group["params"]]

    def program(ps, us, states, homes, values, drawn, loss, totals):  # noqa: ANN001
        groups, at = unpacked(values, keys, sizes)
        root = {**groups[0], **totals}
        hypers = [plan.hypers(group) for group in groups]
        items = []
        for i in range(len(ps)):
            ctx = Context(values[at + i], us[i], loss, ids[i], drawn[i])
            items.append((ps[i], us[i], dict(states[i]), hypers[owners[ids[i]]], ctx, homes[i]))
        advance(items, plan, root)
        # into the same memory: the program then needs no buffers of its own
        for old, item in zip(states, items, strict=True):
            overwrite(old, item[2])
        overwrite(totals, root)

    return compiled_apart(program)


def compiled_apart(function: Any) -> Callable[..., Any]:
    """The function as one graph for fixed shapes, whatever else has been compiled from the same lines."""
    # torch.compile counts programs per code object and gives up at the eighth: each optimizer gets its own
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
    return torch.compile(own, fullgraph=True, dynamic=False)


def unpacked(values: Tensor, keys: list[str], sizes: list[list[int]]) -> tuple[list[dict[str, Any]], int]:
    """The groups' hyper-parameters as views of `values`, and how many of its elements they take."""
    groups, at = [], 0
    for row in sizes:
        group: dict[str, Any] = {}
        for key, size in zip(keys, row, strict=True):
            group[key] = tuple(values[at + i] for i in range(size)) if size else values[at]
            at += size or 1
        groups.append(group)
    return groups, at


def overwrite(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> None:
    for name, x in old.items():
        if new[name] is not x:
            x.copy_(new[name])
