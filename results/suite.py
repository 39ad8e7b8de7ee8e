"""Suites: the tasks on which optimizers are compared, and how each of them is tuned, from configs/suite/<name>.yaml.

    read_suite("quick")    Suite(trials=8, seeds=(0, 1, 2), shared=(...), tasks={"digits_mlp": SuiteTask(...), ...})

Each optimizer has `trials` settings of its own search space (runner/config/search_space.py) on each task, run with the
first seed; the best of them runs with the others, too. Nothing is run here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from results.signature import digest
from results.typed import load_yaml, read_dataclass

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "suite"
RESERVED = ("optim=", "optim.", "seed=", "epochs=", "data.root=", "device=", "outputs=")


@dataclass(frozen=True)
class SuiteTask:
    """One task of a suite.

    overrides: of the task, its data and its network. epochs: the budget. metric, better: of validation, "min" or "max".
    target: of the metric; null while no tuned baselines have set it. near, log_scale, floor: report/scores/data.py.
    has_files: whether its data set has to be downloaded. instead_of: the task in whose place it is run where the files
    of that one are not there.
    """

    overrides: tuple[str, ...]
    epochs: int = field(metadata={"range": "[1, inf)"})
    metric: str
    better: Literal["min", "max"]
    near: float = field(metadata={"range": "[0, inf)"})
    target: float | None = None
    log_scale: bool = False
    floor: float = field(default=1e-12, metadata={"range": "(0, inf)"})
    has_files: bool = False
    instead_of: str | None = None

    def words(self) -> list[str]:
        """The overrides of the task's runs but for the optimizer and the seed."""
        return [*self.overrides, f"epochs={self.epochs}"]

    def definition(self, shared: Sequence[str] = ()) -> str:
        """Eight hexadecimal digits of what decides its runs but for the optimizer; how they are scored is no part."""
        return digest(json.dumps([*shared, *self.words()]))


@dataclass(frozen=True)
class Suite:
    """trials: settings an optimizer and task. seeds: of the best of them, the first one of all. shared: overrides of
    every run. significance: the p-value below which the mean over seeds has to be better than a target for it to be
    reached (report/scores/steps.py); null: the mean alone decides."""

    trials: int = field(metadata={"range": "[1, inf)"})
    seeds: tuple[int, ...] = field(metadata={"range": "[0, inf)", "min_size": 1})
    tasks: Mapping[str, SuiteTask]
    shared: tuple[str, ...] = ()
    significance: float | None = field(default=None, metadata={"range": "(0, 1)"})

    def num_runs(self, num_tasks: int) -> int:
        """The runs of one optimizer on so many of the tasks."""
        return num_tasks * (self.trials + len(self.seeds) - 1)


def suite_names(configs: Path = CONFIGS) -> list[str]:
    return sorted(file.stem for file in configs.glob("*.yaml"))


def read_suite(name: str, configs: Path = CONFIGS) -> Suite:
    """The suite of <configs>/<name>.yaml, or of another file, whose name ends in .yaml. ValueError names the file and
    the key for what is unknown, missing or wrong."""
    if name.endswith(".yaml"):
        file, called = Path(name).expanduser(), name
    elif name in (known := suite_names(configs)):
        file, called = configs / f"{name}.yaml", f"configs/suite/{name}.yaml"
    else:
        raise ValueError(f"suite={name} is unknown; the choices are {', '.join(known)}, or a file that ends in .yaml")
    try:
        return checked_suite(read_dataclass(Suite, load_yaml(file, called), ""))
    except ValueError as error:
        raise ValueError(f"{called}: {error}") from None


def checked_suite(suite: Suite) -> Suite:
    """Raise ValueError for what no single value shows: repeated seeds, overrides of what the suite varies itself."""
    if not suite.tasks:
        raise ValueError("tasks is empty")
    if len(set(suite.seeds)) < len(suite.seeds):
        raise ValueError(f"seeds={[*suite.seeds]} has one twice")
    for name, task in suite.tasks.items():
        for override in (*suite.shared, *task.overrides):
            if override.lstrip("+").startswith(RESERVED):
                raise ValueError(
                    f"tasks.{name}: {override} is not for a task; the suite gives optimizers, seeds and epochs"
                )
        if task.instead_of is not None and not suite.tasks.get(task.instead_of, task).has_files:
            raise ValueError(f"tasks.{name}: instead_of={task.instead_of} is no task that has_files")
        if task.log_scale and task.better == "max":
            raise ValueError(f"tasks.{name}: log_scale is for metrics that are best when small")
    return suite
