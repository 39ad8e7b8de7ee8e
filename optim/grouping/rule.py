"""Rules of parameter groups: which parameters a rule matches, and what it sets for them. Nothing here imports torch.

{"ndim": [0, 1], "weight_decay": 0.0}                        biases and norms without decay
{"name": "*.qkv.*", "lr_scale": 0.5}                         by name
{"module": "norm", "except": {"name": "7.*"}, "betas": [0.9, 0.99]}
{"layer_decay": 0.8}                                         lr times 0.8 for each layer that follows
{"any": [{"ndim": [0, 1]}, {"position": "last"}], "optim": {"name": "adamw", "lr": 0.001}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..config import OptimizerConfig
from ..ranges import SettingError, contains
from ..registry import configs

CRITERIA = ("name", "ndim", "module", "position")
POSITIONS = ("first", "last")
DEFAULT = "default"  # the group of parameters that no rule matches


@dataclass(frozen=True)
class Criteria:
    """What a parameter must be; those that are given hold together.

    name: glob patterns of its full name, one of which fits. ndim: its numbers of dimensions. module: classes of the
    module that owns it, or families of them: norm, embedding, conv. position: "first" or "last", of the module in the
    network's order among those that own weights of two dimensions or more.
    """

    name: tuple[str, ...] = ()
    ndim: tuple[int, ...] = ()
    module: tuple[str, ...] = ()
    position: str = ""


@dataclass(frozen=True)
class GroupRule:
    """What holds for the parameters that fit one of `criteria` and none of `exceptions`.

    settings: hyper-parameters of the optimizer's groups. lr_scale: a factor on the learning rate. layer_decay: another,
    layer_decay^(number of layers that follow). optim: the optimizer that updates them.
    """

    name: str
    criteria: tuple[Criteria, ...]
    exceptions: tuple[Criteria, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    lr_scale: float | None = None
    layer_decay: float | None = None
    optim: OptimizerConfig | None = None

    @property
    def path(self) -> str:
        """Its key in a configuration, for messages."""
        return f"groups.{self.name}"


def read_rules(node: Mapping[str, Any]) -> tuple[GroupRule, ...]:
    """Rules of plain settings, {name: {criterion or setting: value}}, in their order.

    Raises ValueError, which names the key, for a value that is none of its criterion, and for a rule that matches or
    sets nothing.
    """
    return tuple(read_rule(name, content) for name, content in _mapping(node, "groups").items())


def read_rule(name: str, node: Any) -> GroupRule:
    path = f"groups.{name}"
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name) or name == DEFAULT:
        raise ValueError(f"{path}: a rule's name is letters, digits, '_' and '-', and not {DEFAULT}")
    given = dict(_mapping(node, path))
    optim = given.pop("optim", None)
    criteria, exceptions = _criteria(given, path), _exceptions(given.pop("except", ()), f"{path}.except")
    lr_scale = _number(given.pop("lr_scale", None), "[0, inf)", f"{path}.lr_scale")
    layer_decay = _number(given.pop("layer_decay", None), "(0, 1]", f"{path}.layer_decay")
    if layer_decay is not None:
        criteria = criteria or (Criteria(),)
    if not criteria:
        raise ValueError(f"{path}: no criterion says which parameters it is for; give {', '.join(CRITERIA)} or any")
    rule = GroupRule(name, criteria, exceptions, _flat(given), lr_scale, layer_decay, _optimizer(optim, path))
    if not rule.settings and rule.optim is layer_decay is lr_scale is None:
        raise ValueError(f"{path}: sets nothing; give lr_scale, layer_decay, optim or a hyper-parameter")
    return rule


def _criteria(given: dict[str, Any], path: str) -> tuple[Criteria, ...]:
    """Take the criteria out of a rule."""
    own = {key: given.pop(key) for key in CRITERIA if key in given}
    if "any" not in given:
        return (_one(own, path),) if own else ()
    if own:
        raise ValueError(f"{path}.any: holds all criteria where it is given; move {', '.join(own)} into it")
    alternatives = given.pop("any")
    if not isinstance(alternatives, list | tuple) or not alternatives:
        raise ValueError(f"{path}.any={alternatives!r} is not a list of criteria, such as [{{ndim: [0, 1]}}]")
    return tuple(_one(each, f"{path}.any[{i}]") for i, each in enumerate(alternatives))


def _exceptions(node: Any, path: str) -> tuple[Criteria, ...]:
    alternatives = node if isinstance(node, list | tuple) else (node,)
    return tuple(_one(each, path) for each in alternatives)


def _one(node: Any, path: str) -> Criteria:
    given = dict(_mapping(node, path))
    if unknown := [key for key in given if key not in CRITERIA]:
        raise ValueError(f"{path}.{unknown[0]} is not a criterion; they are {', '.join(CRITERIA)}")
    if not given:
        raise ValueError(f"{path} is empty; the criteria are {', '.join(CRITERIA)}")
    position = given.get("position", "")
    if "position" in given and position not in POSITIONS:
        raise ValueError(f"{path}.position={position!r} is not one of {', '.join(POSITIONS)}")
    return Criteria(
        name=_each(given, "name", path, lambda x: isinstance(x, str) and bool(x), "a pattern such as '*.bias'"),
        ndim=_each(given, "ndim", path, _is_count, "a number of dimensions"),
        module=_each(given, "module", path, lambda x: isinstance(x, str) and bool(x), "a module's class"),
        position=position,
    )


def _is_count(value: Any) -> bool:
    return contains("[0, inf)", value) and int(value) == value


def _each(given: dict[str, Any], key: str, path: str, fits: Any, what: str) -> tuple[Any, ...]:
    if key not in given:
        return ()
    value = given[key]
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    for each in values:
        if not fits(each):
            raise ValueError(f"{path}.{key}={each!r} is not {what}")
    if not values:
        raise ValueError(f"{path}.{key} is an empty list; name {what}")
    return tuple(map(int, values)) if key == "ndim" else values


def _optimizer(given: Any, path: str) -> OptimizerConfig | None:
    """A configuration, from itself, a name, or a mapping with `name` and arguments."""
    if given is None or isinstance(given, OptimizerConfig):
        return given
    arguments: dict[str, Any] = {"name": given} if isinstance(given, str) else dict(_mapping(given, f"{path}.optim"))
    name, known = arguments.pop("name", None), configs()
    if name not in known:
        raise ValueError(f"{path}.optim.name={name!r} is not one of {', '.join(sorted(known))}")
    keys = [each.name for each in fields(known[name])]
    if unknown := [key for key in arguments if key not in keys]:
        raise ValueError(f"{path}.optim.{unknown[0]} is not a key; the keys of {name} are {', '.join(keys)}")
    try:
        return known[name](**arguments)
    except SettingError as error:
        raise ValueError(f"{path}.optim.{error.problem}") from None


def _number(value: Any, range: str, path: str) -> float | None:
    if value is None:
        return None
    if not contains(range, value):
        raise ValueError(f"{path}={value!r} is not in {range}")
    return float(value)


def _mapping(node: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        raise ValueError(f"{path}={node!r} is one value, but {path} is a group of keys")
    return node


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"lookahead": {"alpha": 0.5}} as {"lookahead.alpha": 0.5}, as groups have a wrapper's numbers."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
