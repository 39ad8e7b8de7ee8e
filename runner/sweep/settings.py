"""The settings of this project's launchers and of the search, their types and ranges: the keys of hydra.launcher and
hydra.sweeper. They are checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from results.typed import read_dataclass
from runner.config.errors import ConfigError

T = TypeVar("T")
PROCESSES = {"range": "[1, 1024]"}


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """n_jobs: processes at a time; None: as many as there are cores or, with GPUs, jobs_per_gpu on each."""

    n_jobs: int | None = field(default=None, metadata=PROCESSES)
    jobs_per_gpu: int = field(default=1, metadata=PROCESSES)


@dataclass(frozen=True, kw_only=True)
class StackedSettings:
    """form: of StackedSteps; auto: the fastest by timing. max_runs: the most in one program; None: all that fit."""

    form: Literal["auto", "vmap", "autograd", "compile"] = "auto"
    max_runs: int | None = field(default=None, metadata={"range": "[1, inf)"})


@dataclass(frozen=True, kw_only=True)
class JoblibSettings:
    """n_jobs: processes at a time; -1: all cores, -2: all but one."""

    n_jobs: int = field(metadata={"range": "[-1024, 1024]"})


@dataclass(frozen=True, kw_only=True)
class GridSettings:
    """grid: the name of sweep=NAME. budget_s: the seconds of --budget. suite: the name of suite=NAME."""

    grid: str | None = None
    suite: str | None = None
    budget_s: float | None = field(default=None, metadata={"range": "(0, inf)"})


@dataclass(frozen=True, kw_only=True)
class HalvingSettings:
    """The keys `sweep.` of the command line. halving: the best of so many goes on; None: all runs are trained.
    min_epochs: the least epochs of the first rung. brackets: None: one; hyperband: Hyperband's."""

    halving: int | None = field(default=None, metadata={"range": "[2, 1000]"})
    min_epochs: int | None = field(default=None, metadata={"range": "[1, inf)"})
    brackets: Literal["hyperband"] | None = None

    @property
    def eta(self) -> int:
        return self.halving or 0

    @property
    def fewest_epochs(self) -> int:
        return self.min_epochs or 1


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """n_trials: in all, those of earlier commands included. seed: of the sampler. batch: trials drawn at a time; None:
    as many as the launcher runs at a time. pruner: Optuna's, that stops bad trials early; None: all are run."""

    n_trials: int = field(default=20, metadata={"range": "[1, inf)"})
    seed: int = field(default=0, metadata={"range": "[0, inf)"})
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["hyperband", "median", "wilcoxon"] | None = None
    batch: int | None = field(default=None, metadata={"range": "[1, inf)"})


def read_settings(kind: type[T], values: Mapping[str, Any], path: str) -> T:
    """Settings from what Hydra hands over; ConfigError names the key, its value and the range."""
    try:
        return read_dataclass(kind, values, path)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def read_halving(values: Mapping[str, Any]) -> HalvingSettings | None:
    """The settings of successive halving, if it is asked for."""
    settings = read_settings(HalvingSettings, values, "sweep")
    others = [f"sweep.{key}={value}" for key, value in values.items() if key != "halving" and value is not None]
    if settings.halving is None and others:
        raise ConfigError(f"{others[0]} is for a sweep with sweep.halving=3")
    return settings if settings.halving else None


def check_joblib(settings: Mapping[str, Any]) -> None:
    n_jobs = read_settings(JoblibSettings, {"n_jobs": settings["n_jobs"]}, "hydra.launcher").n_jobs
    if n_jobs == 0:
        raise ConfigError("hydra.launcher.n_jobs=0 runs nothing; give a number of processes, or -1 for all cores")
