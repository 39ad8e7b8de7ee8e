"""The node `groups`: rules of parameter groups (optim/grouping), an optimizer in them chosen as by optim=."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from optim.config import OptimizerConfig
from optim.external.config import ExternalConfig
from optim.grouping.rule import CRITERIA, Criteria, GroupRule, read_rule
from results.typed import as_mapping, convert, load_yaml, type_hints
from runner.config.compose import CONFIGS
from runner.config.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from data.dataset import DataSet
    from models.model import Model
    from optim.transform import Wrapper

ReadOptimizer = Callable[[Mapping[str, Any], str], OptimizerConfig]  # (node, its path) -> configuration


def read_groups(node: Mapping[str, Any], read_optimizer: ReadOptimizer) -> tuple[GroupRule, ...]:
    """The rules of a composed configuration; ConfigError for what is wrong in them."""
    rules = []
    for name, content in node.items():
        path = f"groups.{name}"
        given = dict(as_mapping(content, path))
        if isinstance(given.get("optim"), str):
            given["optim"] = {"name": given["optim"]}
        try:
            if given.get("optim") is not None:
                given["optim"] = read_optimizer(as_mapping(given["optim"], f"{path}.optim"), f"{path}.optim")
            rules.append(read_rule(name, given))
        except ValueError as error:
            raise ConfigError(f"{error}{hint(name, content)}") from None
    return tuple(rules)


def with_argument_types(rules: Sequence[GroupRule], optim: OptimizerConfig) -> tuple[GroupRule, ...]:
    """The rules with the arguments of classes from elsewhere as plain values of their types, which the class itself may
    not check; ConfigError for one of another type. optim: the run's own."""
    every = [optim, *(rule.optim for rule in rules if rule.optim)]
    return tuple(
        dataclasses.replace(rule, settings=typed_settings(rule, [rule.optim] if rule.optim else every))
        for rule in rules
    )


def typed_settings(rule: GroupRule, owners: Sequence[OptimizerConfig]) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for owner in sorted(owners, key=lambda owner: isinstance(owner, ExternalConfig)):  # this project's check their own
        for key, hint in type_hints(type(owner)).items():
            hints.setdefault(key, hint if isinstance(owner, ExternalConfig) else Any)
    return {key: convert(value, hints.get(key, Any), f"{rule.path}.{key}") for key, value in rule.settings.items()}


def hint(name: str, content: Mapping[str, Any]) -> str:
    """What to add where a key of a ready-made rule is given without the rule."""
    file, _ = ready_made().get(name, ("", {}))
    is_chosen = content.keys() & {*CRITERIA, "any", "layer_decay"}
    return f"; choose the ready-made one as groups=[{file}]" if file and not is_chosen else ""


@cache
def ready_made() -> dict[str, tuple[str, dict[str, Any]]]:
    """The rules of configs/groups by their name: the file's name and the rule's content."""
    found = {}
    for file in sorted((CONFIGS / "groups").glob("*.yaml")):
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        package = first.removeprefix("# @package groups").strip().removeprefix(".")
        content = load_yaml(file, file.name)
        for name, rule in ({package: content} if package else content).items():
            found[name] = (file.stem, rule)
    return found


def to_node(rule: GroupRule) -> dict[str, Any]:
    """A rule in the form that `read_groups` takes, of plain values."""
    alternatives = [criteria_node(each) for each in rule.criteria]
    node: dict[str, Any] = alternatives[0] if len(alternatives) == 1 else {"any": alternatives}
    if rule.exceptions:
        node["except"] = [criteria_node(each) for each in rule.exceptions]
    node |= {key: as_plain(value) for key, value in rule.settings.items()}
    if rule.lr_scale is not None:
        node["lr_scale"] = rule.lr_scale
    if rule.layer_decay is not None:
        node["layer_decay"] = rule.layer_decay
    if rule.optim:
        values = {key: as_plain(value) for key, value in dataclasses.asdict(rule.optim).items()}
        node["optim"] = {"name": rule.optim.name, **values}
    return node


def criteria_node(criteria: Criteria) -> dict[str, Any]:
    return {key: as_plain(value) for key, value in dataclasses.asdict(criteria).items() if value}


def changed_settings(rules: Sequence[GroupRule]) -> dict[str, dict[str, Any]]:
    """What each rule sets that is neither in its file of configs/groups nor its optimizer's default, for a label."""
    return {rule.name: changed(rule) for rule in rules}


def changed(rule: GroupRule) -> dict[str, Any]:
    _, ready = ready_made().get(rule.name, ("", {}))
    found = {key: value for key, value in rule.settings.items() if as_plain(ready.get(key)) != as_plain(value)}
    for key in ("lr_scale", "layer_decay"):
        if (value := getattr(rule, key)) != ready.get(key):
            found[key] = value
    if rule.optim:
        given = ready.get("optim", {})
        if given.get("name", rule.name) != rule.optim.name:
            found["optim"] = rule.optim.name
        for field in dataclasses.fields(rule.optim):
            value = getattr(rule.optim, field.name)
            if as_plain(value) != as_plain(given.get(field.name, field.default)):
                found[f"optim.{field.name}"] = value
    return found


def as_plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def check_groups(
    rules: Sequence[GroupRule], optim: OptimizerConfig, wrap: Sequence[Wrapper], model: Model, data: DataSet
) -> None:
    """Raise ValueError for rules that the optimizers or the network do not fit.

    The network is built without its weights, on torch's device "meta": a pattern that fits nothing is found before
    anything runs. A network that can't be built there is checked when the run starts.
    """
    if not rules:
        return
    from optim.grouping.build import combine
    from optim.grouping.resolve import resolve

    try:
        network = network_without_weights(model, data.shape, data.classes)
    except Exception:  # of any kind: a network's code may read values
        return
    groups = resolve(network, rules, optim, wrap)
    try:
        combine(groups, wrap, "auto", 0)
    except ValueError as error:  # a class that refuses some parameters, as torch/Muon does, or does not have groups
        if error.__cause__ is None or isinstance(error.__cause__, ValueError):
            raise  # another cause may be that the parameters have no values


@lru_cache(maxsize=4)
def network_without_weights(model: Model, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A network on torch's device "meta"; kept, since the runs of a sweep are checked one after another."""
    import torch

    with torch.device("meta"):
        return model.build(shape, classes)
