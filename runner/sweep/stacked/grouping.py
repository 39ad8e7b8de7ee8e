"""Which runs of a sweep can be trained as one program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from torch import nn

from data.samples import AnyPart, Part
from data.tokens import Stream, Windows
from optim import OptimizerConfig
from optim.external.config import ExternalConfig
from runner.config.schema import Config
from runner.config.validate import to_plain

#: settings in which stacked runs may differ: the program does not depend on them
FREE_SETTINGS = ("seed", "outputs", "rerun", "divergence_threshold", "patience", "logger")


def group_runs(configs: Sequence[Config]) -> list[list[int]]:
    """Indices of the runs that can be stacked together, in order; a run that can't be stacked is in no group."""
    groups: dict[str, list[int]] = {}
    for index, config in enumerate(configs):
        if not config_obstacle(config):
            groups.setdefault(group_key(config), []).append(index)
    return list(groups.values())


def config_obstacle(config: Config) -> str:
    """The setting for which a run can't be stacked; empty if it can."""
    settings = config.settings
    if isinstance(config.optim, ExternalConfig):
        return f"{config.optim.name} is not made of this project's transforms"
    if others := [f"{rule.path}.optim={rule.optim.name}" for rule in config.groups if rule.optim]:
        return f"{others[0]} is a second optimizer"
    if settings.finetune.epochs:
        return "finetune changes the optimizer's state in mid-run"
    if settings.accumulate > 1:
        return "accumulate=1 only"
    if settings.track:
        return "track=true measures each step of each run"
    if settings.checkpoint.unit == "step":
        return "checkpoint.unit=epoch only"
    if settings.cuda_graphs:
        return "cuda_graphs=false only"
    if any(transform.eager_only for transform in config.optim.transforms()):
        return f"optim={config.optim.name} does costly work at some steps only, a shared program would at every step"
    return ""


def samples_obstacle(train: AnyPart) -> str:
    """What about its training samples keeps a model from being stacked; empty if it can be."""
    if isinstance(train, Stream):
        return "data.cut=windows only: the pieces of a stream have other lengths in each run"
    return "" if isinstance(train, Part | Windows) else "its samples are read by a loader"


def model_obstacle(model: Any) -> str:
    """What keeps a model from being stacked; empty if it can."""
    if hasattr(model, "project"):
        return "its weights are projected after each step"
    if hasattr(model, "reset_state"):
        return "it carries a state from batch to batch"
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
            return "dropout would draw other masks than in a run by itself"
        if isinstance(module, nn.RNNBase):
            return "torch can't map recurrent layers (vmap) over runs"
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None:
            return "batch norm with a cumulative average counts its batches in Python"
    return ""


def group_key(config: Config) -> str:
    """Equal for runs that can share a program: all settings but FREE_SETTINGS and the numbers of the optimizer, of its
    wrappers and of its schedule."""
    groups = {"task": config.task, "data": config.data, "model": config.model}
    groups |= {"optim": config.optim, "lr_schedule": config.lr_schedule}
    content = to_plain(groups, config.wrap, config.groups, config.settings)
    content["optim"] = non_numeric_fields(config.optim)
    content["wrap"] = [non_numeric_fields(wrapper) for wrapper in config.wrap]
    content["groups"] = [[name, without_numbers(rule)] for name, rule in content["groups"].items()]
    return json.dumps({key: value for key, value in content.items() if key not in FREE_SETTINGS}, sort_keys=True)


def without_numbers(node: Any) -> Any:
    """Plain values, with null for each float."""
    if isinstance(node, dict):
        return {key: without_numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_numbers(value) for value in node]
    return None if isinstance(node, float) else node


def non_numeric_fields(entry: Any) -> dict[str, Any]:
    """Name and fields of an optimizer or wrapper without floats; of a list of floats its length.

    For an optimizer also the same of its stages: they may depend on a number, as a weight decay of 0 has none.
    """
    found: dict[str, Any] = {"name": type(entry).name}
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, tuple):
            found[field.name] = len(value) if all(isinstance(x, float) for x in value) else list(value)
        elif not isinstance(value, float):
            found[field.name] = value
    if isinstance(entry, OptimizerConfig):
        found["stages"] = [stage_structure(stage) for stage in entry.transforms()]
    return found


def stage_structure(stage: Any) -> list[Any]:
    """Name of a stage, then its fields: None for floats, the length of tuples."""
    values = [getattr(stage, field.name) for field in dataclasses.fields(stage)]
    return [
        type(stage).__name__,
        *(len(v) if isinstance(v, tuple) else None if isinstance(v, float) else v for v in values),
    ]
