"""Functions that main.py hands to the runner, called at the end of a run, a sweep and a suite: pictures and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def ignore_run(folder: Path) -> str:
    """Do nothing."""
    return ""


def ignore_sweep(runs: Sequence[Path], folder: Path, experiments: Sequence[str]) -> str:
    """Print nothing."""
    return ""


def ignore_suite(folder: Path) -> str:
    """Print nothing."""
    return ""


@dataclass(frozen=True)
class Callbacks:
    """Top-level functions of a module: they are pickled for runs in other processes.

    on_run_end(run): called with a run's folder once a run that is done or diverged has written its files; returns
    what to print, or "".
    on_sweep_end(runs, folder, experiments): called with the folders of a sweep's runs and its own, and with the
    experiments whose papers' grids it ran (sweep=paper); returns what to print, or "".
    on_suite_end(folder): called with the folder of a suite's suite.json; returns what to print, or "".
    preload: modules that on_run_end imports, loaded once before processes are forked.
    """

    on_run_end: Callable[[Path], str | None] = ignore_run
    on_sweep_end: Callable[[Sequence[Path], Path, Sequence[str]], str] = ignore_sweep
    on_suite_end: Callable[[Path], str] = ignore_suite
    preload: tuple[str, ...] = ()


NO_CALLBACKS = Callbacks()
