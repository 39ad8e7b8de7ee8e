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
    """grid: the name of sweep=NAME. budget_s: the seconds of --budget."""

    grid: str | None = None
    budget_s: float | None = field(default=None, metadata={"range": "(0, inf)"})


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """n_trials: in all, those of earlier commands included. seed: of the sampler. batch: trials drawn at a time; None:
    as many as the launcher runs at a time."""

    n_trials: int = field(default=20, metadata={"range": "[1, inf)"})
    seed: int = field(default=0, metadata={"range": "[0, inf)"})
    sampler: Literal["tpe", "random"] = "tpe"
    batch: int | None = field(default=None, metadata={"range": "[1, inf)"})


def read_settings(kind: type[T], values: Mapping[str, Any], path: str) -> T:
    """Settings from what Hydra hands over; ConfigError names the key, its value and the range."""
    try:
        return read_dataclass(kind, values, path)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def check_joblib(settings: Mapping[str, Any]) -> None:
    n_jobs = read_settings(JoblibSettings, {"n_jobs": settings["n_jobs"]}, "hydra.launcher").n_jobs
    if n_jobs == 0:
        raise ConfigError("hydra.launcher.n_jobs=0 runs nothing; give a number of processes, or -1 for all cores")
