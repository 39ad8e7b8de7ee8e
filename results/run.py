"""One run, read from its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from results.files import parse_json, read_file
from results.labels import optimizer_name
from results.metrics import Row, read_rows, step_rows
from results.paths import CONFIG, METRICS, STATUS, TIMINGS, label_and_signature
from results.plain_yaml import MAX_BYTES, parse_yaml
from results.records import check_config, check_status, read_environment
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
    def has_rows(self) -> bool:
        """Decided by the file's size, as reading it takes longer than all other checks of a report."""
        file = self.folder / METRICS
        return file.is_file() and file.stat().st_size > 0

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
        """environment.json; empty where it is missing or can't be used."""
        return read_environment(self.folder)

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

    @cached_property
    def optimizer(self) -> str:
        return optimizer_name(self.settings)

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def ending(self) -> str:
        """One of results.status.STATUSES."""
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
    """Read one run. Raises OSError where a file is missing, and ValueError, which names the file, for a damaged one."""
    content = read_file(folder / CONFIG, MAX_BYTES)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{CONFIG} is damaged (no text)") from None
    return Run(folder, read_config(text), check_status(parse_json(read_file(folder / STATUS), STATUS)))


def read_config(text: str) -> dict[str, Any]:
    """The content of a config.yaml; ValueError for what is none. Runs that differ only in the seed share the rest."""
    seed = re.search(r"^seed: (\d{1,18})$", text, re.MULTILINE)
    if seed is None:
        return parse_cached(text)
    content = parse_cached(text[: seed.start(1)] + "0" + text[seed.end(1) :])
    return {**content, "seed": int(seed[1])}


@lru_cache(maxsize=4096)
def parse_cached(text: str) -> dict[str, Any]:
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"{CONFIG} is damaged ({error})") from None
    return check_config(content)
