"""Parameter groups: which keys they may have, and in which ranges."""

from __future__ import annotations

import dataclasses
from operator import index
from typing import Any

from .config import OptimizerConfig
from .pipeline import Pipeline
from .ranges import SMALLEST, annotation, check_field

# not hyper-parameters: torch's own keys, a label, what torch's schedulers keep there, and the optimizer's two options
_OTHER = (
    *("params", "param_names", "name"),
    *("initial_lr", "max_lr", "min_lr", "swa_lr", "base_momentum", "max_momentum"),
    *("maximize", "seed"),
)
# by which of these keys is among an optimizer's defaults, torch's schedulers know what to cycle
_MOMENTUM = {"momentum", "betas"}


class GroupSchema:
    """The hyper-parameters that an optimizer's groups hold: their fields, and so their ranges."""

    def __init__(self, config: OptimizerConfig, pipeline: Pipeline) -> None:
        self.owner = config.label()
        self.fields: dict[str, tuple[str, dataclasses.Field[Any]]] = {}
        arguments = {field.name: field for field in dataclasses.fields(config)}
        self.fields["lr"] = self.owner, arguments["lr"]
        for bound in pipeline.bound_transforms:
            owner = bound.transform.label() if bound.is_wrapper else self.owner
            # the range is that of the optimizer's argument; a number that is none has the transform's
            declared = {} if bound.is_wrapper else arguments
            for field in dataclasses.fields(bound.transform):
                if field.name in bound.names:
                    self.fields[bound.prefix + field.name] = owner, declared.get(field.name, field)

        self.defaults = {key: self.plain(key, value) for key, value in pipeline.defaults.items()}
        # betas whose first is no momentum, as AggMo's, are left out: OneCycleLR would overwrite the plain gradient
        hidden = _MOMENTUM - {config.momentum_key}
        self.shown_defaults = {key: value for key, value in self.defaults.items() if key not in hidden}

    def checked(self, key: str, value: Any) -> Any:
        """One value, in plain Python numbers; ValueError if it is out of its range."""
        owner, field = self.fields[key]
        # a schedule may have taken the rate of an existing group below what a range allows
        if not (key == "lr" and isinstance(value, float) and 0 < value < SMALLEST):
            check_field(field, value, f"{owner}: ")
        return self.plain(key, value)

    def plain(self, key: str, value: Any) -> Any:
        """A value as plain Python numbers, so that a checkpoint never holds a foreign type."""
        is_tuple = annotation(self.fields[key][1]).startswith("tuple")
        return tuple(map(_plain, value)) if is_tuple else _plain(value)

    def check(self, group: dict[str, Any]) -> None:
        """Check and normalise a group in place; ValueError for keys that nothing would read."""
        for key in group:
            if key in self.fields:
                group[key] = self.checked(key, group[key])
            elif key == "seed":
                group[key] = index(group[key])  # a plain int, from which noise is drawn
            elif key not in _OTHER:
                known = ", ".join(self.fields)
                raise ValueError(f"{self.owner}: unknown group key {key!r}; it has {known}")


def _plain(value: Any) -> Any:
    if hasattr(value, "requires_grad"):  # a tensor stays one, that schedulers write to; of one element, 0-dim
        return value.reshape(()) if value.ndim else value
    return None if value is None else float(value.item() if hasattr(value, "item") else value)
