"""Which runs of a sweep can be trained as one program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from optim.rule import Spec
from runner.config.schema import Config
from runner.config.validate import to_plain

#: settings in which stacked runs may differ: they decide nothing of the program
FREE = ("seed", "outputs", "rerun", "divergence_threshold", "patience", "logger")


def stackable(config: Config) -> str:
    """Why this run can't share a program with others; empty if it can."""
    settings = config.settings
    if settings.finetune.epochs:
        return "finetune changes the optimizer's state in mid-run"
    if settings.accumulate > 1:
        return "accumulate=1 only"
    if settings.track:
        return "track=true looks at each run's own step"
    if settings.checkpoint.unit == "step":
        return "checkpoint.unit=epoch only"
    if settings.cuda_graphs:
        return "cuda_graphs=false only"
    return ""


def unfit(model: Any, loaded: bool) -> str:
    """Why this network can't be stacked; empty if it can. loaded: its samples are in memory."""
    from torch import nn

    if not loaded:
        return "its samples are read by a loader"
    if hasattr(model, "project"):
        return "its weights are projected after each step"
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
            return "dropout would draw other masks than alone"
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None:
            return "batch norm with a cumulative average counts in Python"
    return ""


def key(config: Config) -> str:
    """Equal for runs that can share a program: everything but the optimizer's, wrappers' and schedule's numbers."""
    parts = {"task": config.task, "data": config.data, "model": config.model}
    parts |= {"optim": config.optim, "lr_schedule": config.lr_schedule}
    content = to_plain(parts, config.wrap, config.settings)
    content["optim"] = structure(config.optim)
    content["wrap"] = [structure(wrapper) for wrapper in config.wrap]
    return json.dumps({name: value for name, value in content.items() if name not in FREE}, sort_keys=True)


def structure(entry: Any) -> dict[str, Any]:
    """Name and all fields that are no numbers; of lists of numbers, how many."""
    found: dict[str, Any] = {"name": type(entry).name}
    derived = isinstance(entry, Spec)
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, float):
            continue
        if isinstance(value, tuple):
            value = len(value) if all(isinstance(x, float) for x in value) else list(value)
        found[field.name] = value
    if derived:
        found["stages"] = [structure_of_stage(stage) for stage in entry.stages()]
    return found


def structure_of_stage(stage: Any) -> list[Any]:
    values = [getattr(stage, field.name) for field in dataclasses.fields(stage)]
    return [
        type(stage).__name__,
        *(len(v) if isinstance(v, tuple) else None if isinstance(v, float) else v for v in values),
    ]


def groups(configs: Sequence[Config]) -> list[list[int]]:
    """The places of runs that can be stacked together, in order; runs that can't be are not among them."""
    found: dict[str, list[int]] = {}
    for place, config in enumerate(configs):
        if not stackable(config):
            found.setdefault(key(config), []).append(place)
    return list(found.values())
