"""The update of all parameters as one graph, by torch.compile.

Hyper-parameters and step counts enter as one tensor, so that a schedule changes an input and not the program;
a new program is compiled only where the set of parameters with gradients or their state changes.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..backends import ParameterUpdate, apply_pipeline
from ..packing import packed, size_of, unpacked
from ..transform import Context

if TYPE_CHECKING:
    from ..optimizer import ComposedOptimizer


def step(optimizer: ComposedOptimizer, updates: list[ParameterUpdate], loss: Any) -> None:
    """One step of all parameters."""
    keys = list(optimizer.pipeline.defaults)
    sizes = [[size_of(group[key]) for key in keys] for group in optimizer.param_groups]
    names = [tuple(n for n in x.state if n != "step") for x in updates]
    ids = [x.index for x in updates]
    structure = repr((sizes, names, ids))
    if structure not in optimizer.programs:
        optimizer.programs[structure] = _program(optimizer, sizes, ids)
    root = optimizer.param_groups[0]
    optimizer.programs[structure](
        [x.p.detach() for x in updates],
        [x.u for x in updates],
        [{n: x.state[n] for n in own} for x, own in zip(updates, names, strict=True)],
        [x.narrow for x in updates],
        _values(optimizer, keys, [x.ctx.t for x in updates], updates[0].p.device),
        [x.ctx.noises for x in updates],
        loss,
        {key: root[key] for key in optimizer.pipeline.global_state},
    )


def _values(optimizer: ComposedOptimizer, keys: list[str], ts: list[int], device: torch.device) -> Tensor:
    """Every number of every group, then the step counts: one transfer to the device."""
    numbers = [x for group in optimizer.param_groups for x in packed(group, keys)] + ts
    # float64, because 1 - beta2 in float32 is wrong in the fifth digit
    dtype = torch.float32 if device.type == "mps" else torch.float64
    if any(isinstance(x, Tensor) for x in numbers):
        return torch.stack([torch.as_tensor(x, dtype=dtype, device=device) for x in numbers])
    return torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)


def _program(optimizer: ComposedOptimizer, sizes: list[list[int]], ids: list[int]) -> Callable[..., None]:
    pipeline, keys = optimizer.pipeline, list(optimizer.pipeline.defaults)
    owners = [n for n, group in enumerate(optimizer.param_groups) for _ in group["params"]]

    def program(ps, us, states, narrow, values, noises, loss, global_state):  # noqa: ANN001
        groups, at = unpacked(values, keys, sizes)
        hypers = [pipeline.hypers(group) for group in groups]
        updates = []
        for i in range(len(ps)):
            ctx = Context(values[at + i], us[i], loss, noises[i])
            updates.append(ParameterUpdate(ps[i], us[i], states[i], hypers[owners[ids[i]]], ctx, ids[i], narrow[i]))
        apply_pipeline(updates, pipeline, {**groups[0], **global_state})

    return compiled_apart(program)


def compiled_apart(function: Any) -> Callable[..., Any]:
    """The function as one graph for fixed shapes, whatever else has been compiled from the same lines."""
    # torch.compile counts programs per code object and gives up at the eighth: each optimizer gets its own
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
    return torch.compile(own, fullgraph=True, dynamic=False)
