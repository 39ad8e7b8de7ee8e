"""What loggers record of a run beside its rows: names, the configuration, columns for comparing runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.values import flat

Value = float | int | bool | str


@dataclass(frozen=True)
class RunInfo:
    """outputs: root folder of results. setting: the optimizer and its settings that are not its defaults. columns:
    settings worth comparing. config: the whole configuration, nested. better: max or min, of the metric."""

    folder: Path
    outputs: Path
    task: str
    setting: str
    signature: str
    seed: int
    metric: str
    better: str
    columns: dict[str, Value]
    config: dict[str, Any]
    commit: str | None

    @property
    def name(self) -> str:
        return f"{self.setting} seed={self.seed}"

    @property
    def group(self) -> str:
        """The same for runs that differ in the seed only."""
        return f"{self.task}/{self.setting}/{self.signature}"


def comparison_columns(config: dict[str, Any]) -> dict[str, Value]:
    """Settings by which runs are compared, under the keys that set them; `optim` is the optimizer's name.

    Without the seed: a column of it would keep the runs of one setting apart.
    """
    optim = {key: value for key, value in config["optim"].items() if key != "lr_schedule"}
    found: dict[str, Value] = {"task": config["task"]["name"], "data": config["data"]["name"]}
    found["wrap"] = ", ".join(config["wrap"]) or "none"
    found |= group_columns("model", config["model"]) | group_columns("optim", optim)
    found |= group_columns("lr_schedule", config["optim"]["lr_schedule"])
    for name, node in config["wrap"].items():
        found |= group_columns(f"wrap.{name}", node)
        del found[f"wrap.{name}"]
    keys = ("epochs", "batch_size", "clip_norm", "clip_value")
    return found | {key: "none" if config[key] is None else config[key] for key in keys}


def group_columns(group: str, node: dict[str, Any]) -> dict[str, Value]:
    """A group's choice under the group's key, its settings below it."""
    settings = {key: value for key, value in node.items() if key != "name" and value is not None}
    return {group: node["name"], **flat_text(settings, f"{group}.")}


def flat_text(node: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """Flattened settings whose lists are text: what the table of a tracker can show."""
    return {
        key: value if isinstance(value, int | float | str | bool) else str(value)
        for key, value in flat(node, prefix).items()
    }
