"""What happens at a run's and at a sweep's end beside training: pictures and tables, given by main.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def ignore_run(folder: Path) -> None:
    pass


def ignore_sweep(runs: Sequence[Path], folder: Path) -> str:
    return ""


@dataclass(frozen=True)
class Callbacks:
    """Functions at the top of a module, as they are pickled for runs in other processes.

    on_run_end(run): once a run that is done or diverged has written its files, in its folder.
    on_sweep_end(runs, folder): for the runs' folders of a sweep and its own; returns what to print.
    preload: modules that on_run_end imports, loaded once before processes are forked.
    """

    on_run_end: Callable[[Path], None] = ignore_run
    on_sweep_end: Callable[[Sequence[Path], Path], str] = ignore_sweep
    preload: tuple[str, ...] = ()


NO_CALLBACKS = Callbacks()
