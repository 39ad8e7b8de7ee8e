"""Where a run's folder lies and what its files are called.

outputs/<task>/<label: the optimizer and its non-default settings>/<signature>/seed=<n>/
outputs/sweeps/<digest of its runs>/
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from results.values import format_value

CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
STATUS = "status.json"
METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"
LOG = "log.txt"
LOGGERS = "loggers.json"
CHECKPOINTS = "checkpoints"
LAST, BEST = f"{CHECKPOINTS}/last.pt", f"{CHECKPOINTS}/best.pt"
EVENTS = "events.out.tfevents.*"
SWEEP_TABLE = "sweep.csv"

#: what a run writes in its folder, and rerun=true removes
RUN_FILES = (
    *(CONFIG, ENVIRONMENT, STATUS, METRICS, TIMINGS, LOG, LOGGERS, LAST, BEST, EVENTS),
    *("curves.png", "reconstructions.png", "reconstructions.npz", "trajectory.png", "trajectory.npz"),
)
MAX_LABEL_LENGTH = 120  # characters; file systems allow 255 bytes a name


def label(optim: Any, lr_schedule: Any, wrap: Iterable[Any]) -> str:
    """The optimizer and all settings that are not their dataclass's default: `aggmo,lr=0.05,betas=0-0.9,cosine`."""
    parts = [optim.name, *changed_settings(optim)]
    if lr_schedule.name != "constant":
        parts.append(lr_schedule.name)
    parts += changed_settings(lr_schedule)
    for wrapper in wrap:
        parts += [wrapper.name, *changed_settings(wrapper)]
    return re.sub(r"[^\w.,=+-]", "_", ",".join(parts))[:MAX_LABEL_LENGTH]


def changed_settings(entry: Any) -> list[str]:
    """`key=value` for each field of a dataclass instance that differs from its default."""
    values = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    defaults = {field.name: field.default for field in dataclasses.fields(entry)}
    return [f"{key}={path_text(value)}" for key, value in values.items() if value != defaults[key]]


def path_text(value: Any) -> str:
    """A value as text without brackets and commas: 0-0.9."""
    return "-".join(map(format_value, value)) if isinstance(value, tuple) else format_value(value)


def run_path(outputs: str, task: str, label: str, signature: str, seed: int) -> Path:
    return Path(os.path.expanduser(outputs)) / task / label / signature / f"seed={seed}"


def label_and_signature(run: Path) -> tuple[str, str]:
    """The two names above a run's folder; empty for a run that was moved elsewhere."""
    label, signature, _ = os.path.abspath(run).rsplit(os.sep, 2)
    return (os.path.basename(label), signature) if re.fullmatch("[0-9a-f]{8}", signature) else ("", "")
