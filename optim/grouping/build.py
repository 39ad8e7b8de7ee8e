"""The optimizer, or several as one, for a network whose parameters rules put into groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..config import OptimizerConfig
from ..external.config import ExternalConfig
from ..external.optimizer import ExternalOptimizer
from ..interface import TrainingOptimizer
from ..optimizer import Backend, ComposedOptimizer
from ..transform import Wrapper
from .combined import CombinedOptimizer
from .resolve import Group, resolve
from .rule import DEFAULT, GroupRule, read_rules
from .settings import checked_rules


def build_grouped(
    config: OptimizerConfig,
    network: nn.Module,
    rules: Mapping[str, Any] | Sequence[GroupRule],
    wrap: Sequence[Wrapper] = (),
    backend: Backend = "auto",
    seed: int = 0,
) -> TrainingOptimizer:
    """Make the optimizer of a network's parameters: `config`'s, with others for those to which a rule gives another.

    rules: {name: {criterion or setting: value}}, or `GroupRule`s. wrap: around every optimizer, each with its own seed.
    The result is a ComposedOptimizer where there is one optimizer, else a CombinedOptimizer.
    Raises ValueError for rules that are wrong or do not fit the network.
    """
    rules = read_rules(rules) if isinstance(rules, Mapping) else tuple(rules)
    rules = checked_rules(rules, config, wrap)
    return combine(resolve(network, rules, config, wrap), wrap, backend, seed)


def combine(groups: Sequence[Group], wrap: Sequence[Wrapper], backend: Backend, seed: int) -> TrainingOptimizer:
    """The optimizer or optimizers of these groups."""
    parts: dict[str, list[Group]] = {}
    for group in sorted(groups, key=lambda group: group.part != ""):  # the run's own optimizer first
        parts.setdefault(group.part or DEFAULT, []).append(group)
    made = {name: _part(own, wrap, backend, seed + i) for i, (name, own) in enumerate(parts.items())}
    return made[DEFAULT] if len(made) == 1 else CombinedOptimizer(made)


def _part(groups: Sequence[Group], wrap: Sequence[Wrapper], backend: Backend, seed: int) -> TrainingOptimizer:
    config, dicts = groups[0].config, [group.as_dict() for group in groups]
    if isinstance(config, ExternalConfig):
        if wrap:
            raise ValueError(f"{wrap[0].name}: goes around this package's own optimizers only, not {config.name}")
        return ExternalOptimizer(dicts, config)
    return ComposedOptimizer(dicts, config, wrap, backend=backend, seed=seed)
