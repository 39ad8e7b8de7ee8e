"""The learning rates of a run's parameter groups, as its rows have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.config.schema import Config


class GroupRates:
    """lr: the run's own, `optim.lr`. others: of groups that have another, by the group's name; groups with the same
    learning rate once, under the shortest name.
    """

    def __init__(self, config: Config, param_groups: Iterable[Mapping[str, Any]]) -> None:
        groups = list(param_groups)
        own = config.optim.lr if config.groups else None
        self.lr: float = groups[0]["lr"] if own is None else own
        self.others: dict[str, float] = {}
        for group in sorted(groups, key=lambda group: len(group["name"])) if config.groups else ():
            if group["lr"] not in (self.lr, *self.others.values()):
                self.others[group["name"]] = group["lr"]

    def columns(self, factor: float) -> dict[str, float]:
        """{"lr/adamw": 0.001}: the other groups' learning rates at a factor of the schedule."""
        return {f"lr/{name}": lr * factor for name, lr in self.others.items()}
