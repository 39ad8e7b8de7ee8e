"""What a sink is told of its run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.run_folder import RunFolder, label, signature
from runner.config.schema import Config

Value = float | int | bool | str


@dataclass(frozen=True)
class About:
    """outputs: root folder of results. setting: the optimizer and its settings that are not its defaults. columns:
    what is worth comparing. config: all of it, nested. better: max or min, of the metric."""

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


def about(config: Config, folder: RunFolder) -> About:
    git = (folder.read_json("environment.json") or {}).get("git") or {}
    return About(
        folder=folder.path.absolute(),
        outputs=Path(os.path.expanduser(config.settings.outputs)).absolute(),
        task=config.task.name,
        setting=label(config),
        signature=signature(config),
        seed=config.settings.seed,
        metric=config.task.metric,
        better=config.task.better,
        columns=columns(config),
        config=config.plain,
        commit=git.get("commit"),
    )


def columns(config: Config) -> dict[str, Value]:
    """Numbers and words by which runs are compared, under the keys that set them; `optim` is the optimizer's name.

    Not the seed: a column of it would keep the runs of one setting apart.
    """
    plain = config.plain
    optim = {key: value for key, value in plain["optim"].items() if key != "lr_schedule"}
    found: dict[str, Value] = {"task": config.task.name, "data": config.data.name, "wrap": "none"}
    found |= chosen("model", plain["model"]) | chosen("optim", optim)
    found |= chosen("lr_schedule", plain["optim"]["lr_schedule"])
    for name, node in plain["wrap"].items():
        found |= chosen(f"wrap.{name}", node)
        del found[f"wrap.{name}"]
    if plain["wrap"]:
        found["wrap"] = ", ".join(plain["wrap"])
    keys = ("epochs", "batch_size", "clip_norm", "clip_value")
    return found | flat({key: "none" if plain[key] is None else plain[key] for key in keys})


def chosen(group: str, node: dict[str, Any]) -> dict[str, Value]:
    """A group's entry: its name under the group's, its settings below."""
    settings = {key: value for key, value in node.items() if key != "name" and value is not None}
    return {group: node["name"], **flat(settings, group)}


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings as `a.b.c: value`, lists as text: what a table of runs can show."""
    if isinstance(node, dict):
        found: dict[str, Any] = {}
        for key, value in node.items():
            found |= flat(value, f"{prefix}.{key}" if prefix else key)
        return found
    return {prefix: node if isinstance(node, int | float | str | bool) else str(node)}
