"""Runs as their folders tell of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

#: configuration keys that change no result, or are the seed; the run's signature leaves them out
UNSIGNED = (
    *("seed", "outputs", "device", "threads", "rerun", "checkpoint", "log", "logger", "track", "eval_batch_size"),
    *("data.root", "data.num_workers"),
)


@dataclass(frozen=True, eq=False)
class Run:
    """One run: its configuration and status; rows, timings and environment are read when they are first asked for."""

    folder: Path
    config: dict[str, Any]
    status: dict[str, Any]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl that are whole."""
        return read_rows(self.folder / "metrics.jsonl")

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The rows per step: every `log.every`-th one's."""
        return step_rows(self.rows)

    @cached_property
    def timings(self) -> list[dict[str, Any]]:
        """A row an epoch: {"epoch", "step", "train_s", "eval_s", "total_s"}, seconds since the start."""
        return read_rows(self.folder / "timings.jsonl")

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json; empty where it is missing or damaged."""
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self.folder / "environment.json").read_bytes())
            return content if isinstance(content, dict) else {}
        return {}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration with dotted keys: {"optim.lr": 0.1, ...}."""
        return flat(self.config)

    @property
    def setting(self) -> str:
        """The optimizer with its changed settings, as the run's folder is named."""
        name, _ = self._place
        return name or f"{self.optimizer},lr={self.config['optim'].get('lr')}"

    @property
    def signature(self) -> str:
        """The hash of everything but the seed and what changes no result."""
        _, own = self._place
        return own or signature_of(self.config)

    @cached_property
    def _place(self) -> tuple[str, str]:
        """(setting, signature) as the folders above say; empty for a run that was moved elsewhere."""
        setting, own, _ = os.path.abspath(self.folder).rsplit(os.sep, 2)
        return (os.path.basename(setting), own) if re.fullmatch("[0-9a-f]{8}", own) else ("", "")

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


def load(*roots: Path | str, where: Sequence[str] = ()) -> list[Run]:
    """Every run in these folders that has begun, each once, in the folders' order.

    roots: folders above runs, runs' own folders, or sweeps' folders (outputs/sweeps/...). where: filters such as
    "optim=adam,aggmo" (filters.py). Raises FileNotFoundError for a root that is not there and ValueError for a
    filter that can't be met. `results.find.find` also tells what was passed over.
    """
    from results.filters import select
    from results.find import find

    return select(find(*roots).runs, where)


def read(folder: Path) -> Run:
    """One run. Raises OSError, ValueError or yaml.YAMLError where its files are missing or damaged."""
    config = read_config((folder / "config.yaml").read_text(encoding="utf-8"))
    status = json.loads((folder / "status.json").read_bytes())
    if isinstance(config, dict) and not config.get("wrap"):
        config = {**config, "wrap": {}}
    return Run(folder, config, status)


def read_config(text: str) -> Any:
    """The content of a config.yaml. Runs that differ in their seed only share all but that."""
    seed = re.search(r"^seed: (\d{1,18})$", text, re.MULTILINE)
    if seed is None:
        return parsed(text)
    content = parsed(text[: seed.start(1)] + "0" + text[seed.end(1) :])
    return {**content, "seed": int(seed[1])} if isinstance(content, dict) else content


@lru_cache(maxsize=4096)
def parsed(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # the C loader: five times as fast


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl or timings.jsonl; a last line that is still being written, and lines that are no
    rows, are left out."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        rows = [row for line in lines for row in row_of(line)]
    return [row for row in rows if isinstance(row, dict) and "epoch" in row]


def row_of(line: bytes) -> list[Any]:
    with contextlib.suppress(ValueError):
        return [json.loads(line)]
    return []


def value_keys(row: dict[str, Any]) -> list[str]:
    """The keys of a row that hold loss and metric."""
    return [key for key in row if key not in ("split", "epoch", "step", "per", "weights", "lr")]


def step_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row.get("split") == "train" and row.get("per") == "step"]


def is_number(value: Any) -> bool:
    """true and false are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optim": {"lr": 0.1}} as {"optim.lr": 0.1}; lists stay lists."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def signature_of(config: dict[str, Any]) -> str:
    """The signature that the run's folder has in its name, computed anew."""
    signed = {key: value for key, value in config.items() if key not in UNSIGNED}
    signed["data"] = {key: value for key, value in config.get("data", {}).items() if f"data.{key}" not in UNSIGNED}
    signed["wrap"] = list(config["wrap"].values())  # a list, because their order counts
    return hashlib.sha256(json.dumps(signed, sort_keys=True).encode()).hexdigest()[:8]
