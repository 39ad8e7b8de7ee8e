"""Loading a state_dict into the dtypes that the transforms work in.

torch.optim casts state to its parameter's dtype, which turns the float32 momentum of a bfloat16 parameter into
bfloat16, and has no hook to stop it; it also shares the loaded tensors' memory with the dict. Here loaded state has
the dtype, device and memory format of state made afresh for the parameter, whatever it was saved from, and its own
memory, and what does not fit the optimizer is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from .backends import working
from .pipeline import PipelineOptimizer


def matched(optimizer: PipelineOptimizer, saved: Mapping[str, Any]) -> tuple[dict[Any, Any], list[dict[str, Any]]]:
    """The state and the groups that `saved` stands for, on this optimizer's parameters; changes nothing."""
    groups = [_group(optimizer, n, *pair) for n, pair in enumerate(_pairs(optimizer, saved))]
    other, state = dict(saved["state"]), {}
    for group, old in zip(groups, saved["param_groups"], strict=True):
        for key, p in zip(old["params"], group["params"], strict=True):
            if of_parameter := other.pop(key, None):
                state[p] = _state(optimizer, key, p, group, of_parameter)
    # what belongs to no parameter is kept as it is, as torch.optim does
    return {**other, **state}, groups


def _pairs(optimizer: PipelineOptimizer, saved: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    ours = [len(group["params"]) for group in optimizer.param_groups]
    theirs = [len(group["params"]) for group in saved["param_groups"]]
    if ours != theirs:
        raise ValueError(f"state_dict has groups of {theirs} parameters, the optimizer of {ours}")
    return list(zip(optimizer.param_groups, saved["param_groups"], strict=True))


def _group(optimizer: PipelineOptimizer, number: int, ours: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    wanted = {*optimizer.pipeline.defaults, "maximize", "seed"} | (
        set(optimizer.pipeline.global_state) if number == 0 else set()
    )
    if missing := sorted(wanted - saved.keys()):
        raise ValueError(f"state_dict is of another optimizer: group {number} lacks {', '.join(missing)}")
    group = deepcopy({k: v for k, v in saved.items() if k != "params"})
    if "param_names" in ours:
        group.setdefault("param_names", ours["param_names"])
    for key in optimizer.pipeline.global_state if number == 0 else ():
        group[key] = torch.empty_like(ours[key]).copy_(torch.as_tensor(group[key]).reshape(()))
    return {"params": ours["params"], **group}


def _state(
    optimizer: PipelineOptimizer, key: Any, p: Tensor, group: dict[str, Any], saved: Mapping[str, Any]
) -> dict[str, Any]:
    state = optimizer.pipeline.init(working(p.detach()), group)
    if odd := sorted(state.keys() ^ saved.keys()):
        raise ValueError(f"state_dict is of another optimizer: parameter {key} differs in {', '.join(odd)}")
    for name, x in saved.items():
        if name == "step":
            state[name] = int(x)
        elif x.shape != state[name].shape:
            raise ValueError(f"parameter {key}: {name} has shape {tuple(x.shape)}, not {tuple(state[name].shape)}")
        else:
            state[name].copy_(x.detach())
    return state
