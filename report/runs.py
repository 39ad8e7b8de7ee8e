"""Runs as their folders tell of them."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Run:
    """One run: its configuration, status and rows; `setting` names the optimizer with its changed settings."""

    folder: Path
    config: dict[str, Any]
    status: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def setting(self) -> str:
        return self.folder.parent.parent.name

    @property
    def signature(self) -> str:
        """The hash of everything but the seed and what changes no result."""
        return self.folder.parent.name

    @property
    def task(self) -> str:
        return self.config["task"]["name"]

    @property
    def optimizer(self) -> str:
        return "+".join([self.config["optim"]["name"], *self.config["wrap"]])

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def ending(self) -> str:
        """done, diverged, failed, interrupted or running."""
        return self.status["status"]

    @property
    def metric(self) -> str:
        """The key that selects: acc, mse, ..."""
        return self.status["metric"]

    def curve(self, split: str, key: str) -> list[float]:
        """The epochs' values of a key, first epoch first."""
        return [row[key] for row in self.rows if row["split"] == split and row.get("per") == "epoch"]


def load(root: Path) -> list[Run]:
    """Every run below `root` that has begun; folders that are no runs, or damaged, are passed over."""
    runs = []
    for file in sorted(root.rglob("status.json")):
        with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
            run = read(file.parent)
            if isinstance(run.config, dict) and "optim" in run.config and isinstance(run.status, dict):
                runs.append(run)
    return runs


def read(folder: Path) -> Run:
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    return Run(folder, config, status, read_rows(folder / "metrics.jsonl"))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; a last line that is still being written is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def value_keys(row: dict[str, Any]) -> list[str]:
    """The keys of a row that hold loss and metric."""
    return [key for key in row if key not in ("split", "epoch", "step", "per", "weights", "lr")]
