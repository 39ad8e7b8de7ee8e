"""The hyper-parameters that a rule may set: those of the groups of the optimizer, each in its range."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from ..config import OptimizerConfig
from ..external.config import ExternalConfig
from ..param_groups import GroupSchema
from ..pipeline import Pipeline
from ..ranges import check_field
from ..transform import Wrapper
from .rule import GroupRule


class GroupSettings:
    """The group keys of one optimizer with its wrappers."""

    def __init__(self, config: OptimizerConfig, wrap: Iterable[Wrapper]) -> None:
        self.config = config
        self.schema: GroupSchema | None = None
        if isinstance(config, ExternalConfig):
            config.check()
            self.keys = list(_group_of(config))
        else:
            self.schema = GroupSchema(config, Pipeline(config, wrap))
            self.keys = list(self.schema.fields)

    def checked(self, key: str, value: Any, path: str) -> Any:
        """A value as the group takes it; ValueError, which names the path, where it is out of its range."""
        if self.schema is None:
            return self._accepted(key, tuple(value) if isinstance(value, list) else value, path)
        _, field = self.schema.fields[key]
        prefix = f"{path}.{key.removesuffix(field.name)}"
        check_field(field, value, prefix)
        return self.schema.plain(key, value)

    def _accepted(self, key: str, value: Any, path: str) -> Any:
        """The value, if it is in its range and the class's constructor takes it."""
        assert isinstance(self.config, ExternalConfig)
        for field in fields(self.config):
            if field.name == key:
                check_field(field, value, f"{path}.")
        if key in self.config.arguments():
            try:
                _group_of(self.config, {key: value})
            except Exception as error:  # a constructor raises what it likes
                message = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ValueError(f"{path}.{key}={value!r} is refused by {self.config.name}: {message}") from None
        return value


def _group_of(config: ExternalConfig, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The first group that the class makes, around one small matrix."""
    import torch

    optimizer: Any = config.optimizer_class(
        [torch.nn.Parameter(torch.zeros(2, 2))], **{**config.arguments(), **(changes or {})}
    )
    return {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}


def checked_rules(
    rules: Sequence[GroupRule], config: OptimizerConfig, wrap: Sequence[Wrapper] = ()
) -> tuple[GroupRule, ...]:
    """The rules with their hyper-parameters as plain numbers of the optimizer's types, so that 0 is the same as 0.0.

    config: of the parameters that no rule gives to another optimizer. Which parameters a rule matches shows with the
    network only (`resolve`); a rule's own optimizer must have what the rule sets.
    Raises ValueError for a hyper-parameter that no optimizer of these has, or a value out of its range.
    """
    every = {"": GroupSettings(config, wrap)}
    every |= {rule.name: GroupSettings(rule.optim, wrap) for rule in rules if rule.optim}
    return tuple(
        replace(rule, settings=_checked_settings(rule, [every[rule.name]] if rule.optim else list(every.values())))
        for rule in rules
    )


def _checked_settings(rule: GroupRule, candidates: Sequence[GroupSettings]) -> dict[str, Any]:
    found = {}
    for key, value in rule.settings.items():
        having = [each for each in candidates if key in each.keys]
        if not having:
            raise unknown(rule, key, candidates)
        found[key] = [each.checked(key, value, rule.path) for each in having][0]
    return found


def unknown(rule: GroupRule, key: str, candidates: Sequence[GroupSettings]) -> ValueError:
    known = list(dict.fromkeys(key for each in candidates for key in each.keys))
    known += ["lr_scale", "layer_decay", "optim", "name", "ndim", "module", "position", "any", "except"]
    near = difflib.get_close_matches(key, known, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    owners = ", ".join(dict.fromkeys(each.config.name for each in candidates))
    numbers = ", ".join(dict.fromkeys(key for each in candidates for key in each.keys))
    return ValueError(f"{rule.path}.{key}: unknown; {meant}{owners} has {numbers}")
