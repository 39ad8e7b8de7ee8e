"""One run, read from its folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from results.files import read_json
from results.metrics import Row, read_rows, step_rows
from results.paths import CONFIG, ENVIRONMENT, METRICS, STATUS, TIMINGS, label_and_signature
from results.signature import signature
from results.values import flat


@dataclass(frozen=True, eq=False)
class Run:
    """One run: its configuration and status; rows, timings and environment are read when they are first asked for."""

    folder: Path
    config: dict[str, Any]
    status: dict[str, Any]

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of metrics.jsonl that are whole."""
        return read_rows(self.folder / METRICS)

    @property
    def steps(self) -> list[Row]:
        """The per-step rows, one every `log.every` steps."""
        return step_rows(self.rows)

    @cached_property
    def timings(self) -> list[Row]:
        """A row an epoch: {"epoch", "step", "train_s", "eval_s", "total_s"}, seconds since the start."""
        return read_rows(self.folder / TIMINGS)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json; empty where it is missing or damaged."""
        return read_json(self.folder / ENVIRONMENT) or {}

    @property
    def code(self) -> dict[str, str]:
        """The source files that decide the run (optimizer, wrappers, model, task, data set), and a hash of each."""
        code = self.environment.get("code")
        return code if isinstance(code, dict) else {}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration with dotted keys: {"optim.lr": 0.1, ...}."""
        return flat(self.config)

    @property
    def setting(self) -> str:
        """The optimizer with its changed settings, as the run's folder is named."""
        label, _ = label_and_signature(self.folder)
        return label or f"{self.optimizer},lr={self.config['optim'].get('lr')}"

    @cached_property
    def signature(self) -> str:
        """The hash of everything but the seed and what changes no result."""
        _, named = label_and_signature(self.folder)
        return named or signature(self.config, self.code)

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
        rows = (row for row in self.rows if row.get("split") == split and row.get("per") == "epoch")
        return [row[key] for row in rows if key in row]


def read_run(folder: Path) -> Run:
    """Read one run. Raises OSError, ValueError or yaml.YAMLError where its files are missing or damaged."""
    config = read_config((folder / CONFIG).read_text(encoding="utf-8"))
    status = json.loads((folder / STATUS).read_bytes())
    if isinstance(config, dict) and not config.get("wrap"):
        config = {**config, "wrap": {}}
    return Run(folder, config, status)


def read_config(text: str) -> Any:
    """The content of a config.yaml. Runs that differ in their seed only share all but that."""
    seed = re.search(r"^seed: (\d{1,18})$", text, re.MULTILINE)
    if seed is None:
        return parse_yaml(text)
    content = parse_yaml(text[: seed.start(1)] + "0" + text[seed.end(1) :])
    return {**content, "seed": int(seed[1])} if isinstance(content, dict) else content


@lru_cache(maxsize=4096)
def parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # the C loader: five times as fast
