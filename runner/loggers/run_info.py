"""What loggers record of a run beside its rows: names, the configuration, columns for comparing runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.values import flat

Value = float | int | bool | str


@dataclass(frozen=True)
class RunInfo:
    """outputs: root folder of all runs. setting: the optimizer and its non-default settings. better: max or min, of the
    metric. columns: settings to compare runs by. config: the whole configuration, nested."""

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
        """Equal for runs that differ only in the seed."""
        return f"{self.task}/{self.setting}/{self.signature}"


def comparison_columns(config: dict[str, Any]) -> dict[str, Value]:
    """Settings to compare runs by, under their configuration keys; `optim` is the optimizer's name.

    Without the seed, whose column would separate the runs of one setting.
    """
    optim = {key: value for key, value in config["optim"].items() if key != "lr_schedule"}
    columns: dict[str, Value] = {"task": config["task"]["name"], "data": config["data"]["name"]}
    for group in ("wrap", "groups"):
        columns[group] = ", ".join(config[group]) or "none"
    columns |= group_columns("model", config["model"]) | group_columns("optim", optim)
    columns |= group_columns("lr_schedule", config["optim"]["lr_schedule"])
    for name, node in config["wrap"].items():
        columns |= group_columns(f"wrap.{name}", node)
        del columns[f"wrap.{name}"]
    columns |= flat_text(config["groups"], "groups.")
    keys = ("epochs", "batch_size", "clip_norm", "clip_value")
    return columns | {key: "none" if config[key] is None else config[key] for key in keys}


def group_columns(group: str, node: dict[str, Any]) -> dict[str, Value]:
    """{group: its choice, group.key: value, ...}."""
    settings = {key: value for key, value in node.items() if key != "name" and value is not None}
    return {group: node["name"], **flat_text(settings, f"{group}.")}


def flat_text(node: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """Flattened settings with lists as text, as the tables of trackers show them."""
    return {
        key: value if isinstance(value, int | float | str | bool) else str(value)
        for key, value in flat(node, prefix).items()
    }
