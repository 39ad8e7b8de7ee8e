"""Where a run's folder lies and what its files are called.

outputs/<task>/<label: optimizer, learning rate and non-default settings>/<signature>/seed=<n>/
outputs/sweeps/<digest of its runs>/
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from results.labels import label as label_of
from results.labels import path_form

CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
STATUS = "status.json"
METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"
LOG = "log.txt"
LOGGERS = "loggers.json"
CHECKPOINTS = "checkpoints"
LAST, BEST = f"{CHECKPOINTS}/last.pt", f"{CHECKPOINTS}/best.pt"
KEPT = f"{CHECKPOINTS}/epoch=*.pt"  # what checkpoint.keep asks for
SAMPLE = "sample.txt"
EVENTS = "events.out.tfevents.*"
SWEEP_TABLE = "sweep.csv"

#: what a run writes in its folder, and rerun=true removes
RUN_FILES = (
    *(CONFIG, ENVIRONMENT, STATUS, METRICS, TIMINGS, LOG, LOGGERS, LAST, BEST, KEPT, EVENTS),
    *("curves.png", "reconstructions.png", "reconstructions.npz", "trajectory.png", "trajectory.npz", SAMPLE),
)
Groups = Mapping[str, Mapping[str, Any]]
NO_GROUPS: Groups = {}
MAX_LABEL_LENGTH = 120  # characters; file systems allow 255 bytes a name


def kept_checkpoint(epoch: int) -> str:
    """The file of the checkpoint that is kept of an epoch."""
    return KEPT.replace("*", str(epoch))


def label(optim: Any, lr_schedule: Any, wrap: Iterable[Any], groups: Groups = NO_GROUPS, branch: Any = None) -> str:
    """The path form of `run_label`, the name of the folder: `aggmo+ema,lr=0.05,betas=0-0.9,lr_schedule=cosine`."""
    return path_form(run_label(optim, lr_schedule, wrap, groups, branch))[:MAX_LABEL_LENGTH]


def run_label(optim: Any, lr_schedule: Any, wrap: Iterable[Any], groups: Groups = NO_GROUPS, branch: Any = None) -> str:
    """The optimizer, its wrappers and rules, its learning rate, and settings that are not their dataclass's default.

    groups: for each rule of parameter groups what it sets and its file does not. branch: the run and epoch that it
    starts from.
    """
    entries = {"optim": optim, "optim.lr_schedule": lr_schedule, **{f"wrap.{each.name}": each for each in wrap}}
    settings: dict[str, Any] = {}
    changed = ["optim.lr_schedule.name"] if lr_schedule.name != "constant" else []
    for prefix, entry in entries.items():
        settings[f"{prefix}.name"] = entry.name
        for field in dataclasses.fields(entry):
            settings[f"{prefix}.{field.name}"] = value = getattr(entry, field.name)
            if value != field.default:
                changed.append(f"{prefix}.{field.name}")
    for rule, values in groups.items():
        settings[f"groups.{rule}"] = None
        settings |= {f"groups.{rule}.{key}": value for key, value in values.items()}
        changed += [f"groups.{rule}.{key}" for key in values]
    if branch is not None and branch.signature is not None:
        settings |= {"branch.signature": branch.signature, "branch.at_epoch": branch.at_epoch}
        settings["branch.weights"] = branch.weights
        changed.append("branch.at_epoch")
    return label_of(settings, sorted(changed, key=list(settings).index))


def run_path(outputs: str, task: str, label: str, signature: str, seed: int) -> Path:
    return Path(os.path.expanduser(outputs)) / task / label / signature / f"seed={seed}"


def label_and_signature(run: Path) -> tuple[str, str]:
    """The two names above a run's folder; empty for a run that was moved elsewhere."""
    label, signature, _ = os.path.abspath(run).rsplit(os.sep, 2)
    return (os.path.basename(label), signature) if re.fullmatch("[0-9a-f]{8}", signature) else ("", "")
