"""From rules and a network to parameter groups: every parameter is in exactly one.

parameter_groups(network, {"no_decay": {"ndim": [0, 1], "weight_decay": 0.0}})      for any torch optimizer
resolve(network, read_rules(...), config)                                           with other optimizers, too
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from ..config import OptimizerConfig
from ..transform import Wrapper
from .network import FAMILIES, ParameterInfo, parameter_infos
from .rule import DEFAULT, Criteria, GroupRule, read_rules
from .settings import GroupSettings, unknown


@dataclass
class Group:
    """Parameters for which the same rules hold.

    name: of these rules, joined by "+". part: of the rule that gave them an optimizer, "" for the run's own. config: of
    that optimizer. lr: its learning rate times the rules' factors, None where it leaves it to its class.
    """

    name: str
    part: str
    config: OptimizerConfig
    settings: dict[str, Any]
    lr: float | None
    infos: list[ParameterInfo] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As torch.optim takes it."""
        lr = {} if self.lr is None or self.lr == self.config.lr else {"lr": self.lr}
        return {"params": [info.parameter for info in self.infos], "name": self.name, **self.settings, **lr}


def parameter_groups(
    network: nn.Module, rules: Mapping[str, Any] | Sequence[GroupRule], lr: float | None = None
) -> list[dict[str, Any]]:
    """Group dicts for the constructor of any torch optimizer; lr: its learning rate, for rules that scale it.

    Raises ValueError for rules that do not fit the network, and for a rule with another optimizer, which needs
    `build_grouped`.
    """
    rules = read_rules(rules) if isinstance(rules, Mapping) else tuple(rules)
    infos = parameter_infos(network)
    check_matches(rules, infos)
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for info in infos:
        outcome = Outcome.of(info, rules)
        if outcome.owner:
            raise ValueError(f"{outcome.owner.path}.optim: another optimizer; build_grouped makes both")
        scaled = {}
        if outcome.lr_scale != 1.0:
            base = outcome.settings.get("lr", lr)
            if base is None:
                raise ValueError(f"group {outcome.name}: scales the learning rate, which was not given as lr=")
            scaled = {"lr": base * outcome.lr_scale}
        group = {"params": [], "name": outcome.name, **outcome.settings, **scaled}
        found.setdefault(outcome.labels, group)["params"].append(info.parameter)
    return sorted(found.values(), key=lambda group: group["name"] != DEFAULT)


def resolve(
    network: nn.Module, rules: Sequence[GroupRule], config: OptimizerConfig, wrap: Sequence[Wrapper] = ()
) -> list[Group]:
    """The groups of a network's parameters, those that no rule matches first, the others in the network's order.

    config: of the optimizer of all parameters to which no rule gives another.
    Raises ValueError for a pattern or class that fits no parameter, for a parameter with two optimizers, for an
    optimizer without parameters, and for a hyper-parameter that a parameter's optimizer does not have.
    """
    infos = parameter_infos(network)
    check_matches(rules, infos)
    known = {"": GroupSettings(config, wrap)}
    known |= {rule.name: GroupSettings(rule.optim, wrap) for rule in rules if rule.optim}
    found: dict[tuple[str, ...], Group] = {}
    for info in infos:
        outcome = Outcome.of(info, rules)
        if outcome.labels not in found:
            found[outcome.labels] = outcome.group(known[outcome.owner.name if outcome.owner else ""])
        found[outcome.labels].infos.append(info)
    groups = sorted(found.values(), key=lambda group: group.name != DEFAULT)
    check_parts(groups, rules, config)
    return groups


@dataclass(frozen=True)
class Outcome:
    """What the rules make of one parameter."""

    labels: tuple[str, ...]
    rules: tuple[GroupRule, ...]
    lr_scale: float
    owner: GroupRule | None

    @classmethod
    def of(cls, info: ParameterInfo, rules: Sequence[GroupRule]) -> Outcome:
        """Settings of later rules override those of earlier ones, factors on the learning rate multiply."""
        holding = tuple(rule for rule in rules if matches(rule, info))
        owners = [rule for rule in holding if rule.optim]
        if len(owners) > 1:
            raise ValueError(
                f"{owners[0].path}.optim and {owners[1].path}.optim both hold for {info.name}; "
                "a parameter has one optimizer"
            )
        scale = 1.0
        for rule in holding:
            scale *= 1.0 if rule.lr_scale is None else rule.lr_scale
            if rule.layer_decay is not None:
                scale *= rule.layer_decay**info.layers_after
        labels = tuple(f"layer_{info.layer}" if rule.layer_decay is not None else rule.name for rule in holding)
        return cls(labels, holding, scale, owners[0] if owners else None)

    @property
    def name(self) -> str:
        return "+".join(self.labels) or DEFAULT

    @property
    def settings(self) -> dict[str, Any]:
        return {key: value for rule in self.rules for key, value in rule.settings.items()}

    def group(self, known: GroupSettings) -> Group:
        """An empty group with these settings, checked against those of its optimizer."""
        settings: dict[str, Any] = {}
        for rule in self.rules:
            for key, value in rule.settings.items():
                if key not in known.keys:
                    raise unknown(rule, key, [known])
                settings[key] = known.checked(key, value, rule.path)
        lr = settings.pop("lr", known.config.lr)
        if lr is None and self.lr_scale != 1.0:
            raise ValueError(f"group {self.name}: scales the learning rate, and {known.config.name}'s is not given")
        lr = None if lr is None else lr * self.lr_scale
        return Group(self.name, self.owner.name if self.owner else "", known.config, settings, lr)


def matches(rule: GroupRule, info: ParameterInfo) -> bool:
    return any(fits(each, info) for each in rule.criteria) and not any(fits(each, info) for each in rule.exceptions)


def fits(criteria: Criteria, info: ParameterInfo) -> bool:
    return (
        (not criteria.name or any(fnmatchcase(info.name, pattern) for pattern in criteria.name))
        and (not criteria.ndim or info.parameter.ndim in criteria.ndim)
        and (not criteria.module or bool(info.kinds & set(criteria.module)))
        and (not criteria.position or criteria.position in info.positions)
    )


def check_matches(rules: Sequence[GroupRule], infos: Sequence[ParameterInfo]) -> None:
    """Raise ValueError for a name pattern or a module's class that no parameter has: most likely a typo.

    Dimensions, positions and families of modules may be missing in a network: `unused_rules` lists such rules.
    """
    names = [info.name for info in infos]
    every_kind = {kind for info in infos for kind in info.kinds}
    for rule in rules:
        for criteria in (*rule.criteria, *rule.exceptions):
            for pattern in criteria.name:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise ValueError(f"{rule.path}.name={pattern!r} fits no parameter; there are {_some(names)}")
            for kind in criteria.module:
                if kind not in every_kind and kind not in FAMILIES:
                    raise ValueError(
                        f"{rule.path}.module={kind!r} owns no parameter; there are {_some(sorted(every_kind), 20)}, "
                        f"and the families {', '.join(FAMILIES)}"
                    )
        named = any(each.name or set(each.module) - set(FAMILIES) for each in rule.criteria)
        if named and not any(matches(rule, info) for info in infos):
            raise ValueError(f"{rule.path}: its criteria together fit no parameter; there are {_some(names)}")


def unused_rules(groups: Sequence[Group], rules: Sequence[GroupRule]) -> list[str]:
    """Rules that hold for no parameter of the network."""
    return [rule.name for rule in rules if not any(matches(rule, info) for group in groups for info in group.infos)]


def check_parts(groups: Sequence[Group], rules: Sequence[GroupRule], config: OptimizerConfig) -> None:
    """Raise ValueError for an optimizer that would have no parameters."""
    if not groups:
        raise ValueError("the network has no parameters")
    parts = {group.part for group in groups}
    if "" not in parts:
        takers = ", ".join(rule.path for rule in rules if rule.optim)
        raise ValueError(f"optim={config.name} has no parameters: {takers} gives all of them to another optimizer")
    for rule in rules:
        if rule.optim and rule.name not in parts:
            raise ValueError(f"{rule.path}.optim={rule.optim.name} has no parameters: the rule fits none")


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
