"""Hydra plugins for `runner.sweep`: the sweeper `runs` and the launchers `local` and `stacked`.

Hydra takes plugins only from a package of this name. Nothing here imports torch.
"""

from __future__ import annotations

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher


class PlannedSweeper(BasicSweeper):
    """Base of the sweepers: keeps the callbacks of the task that Hydra hands over."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.callbacks = task_function.callbacks


class RunsSweeper(PlannedSweeper):
    """Plans all runs before the first starts, and runs only those that are not done.

    grid: a file of configs/sweep; the command line's `sweep=NAME`.
    """

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None, grid: str | None = None) -> None:
        super().__init__(max_batch_size, params)
        self.grid = grid

    def sweep(self, arguments: list[str]) -> Any:
        from runner.sweep.main import sweep

        assert self.hydra_context is not None
        words, loader = [*self._parse_config(), *arguments], self.hydra_context.config_loader
        raise SystemExit(sweep(words, loader, self.config, self.launcher, self.grid, self.callbacks))


class OptunaSweeper(PlannedSweeper):
    """hydra/sweeper=optuna: searches what has an interval, a range or several values; see
    runner/sweep/optuna_search.py."""

    def __init__(self, params: dict[str, str] | None = None, **search: Any) -> None:
        super().__init__(None, params)
        self.search = search

    def sweep(self, arguments: list[str]) -> Any:
        from runner.sweep.optuna_search import Search, tune

        assert self.hydra_context is not None
        words, search = [*self._parse_config(), *arguments], Search(**self.search)
        loader = self.hydra_context.config_loader
        raise SystemExit(tune(words, loader, self.config, self.launcher, search, self.callbacks))


class Planned(Launcher):
    """A launcher that takes the planned runs of a sweep, each a checked configuration and a folder."""

    def setup(self, **kwargs: Any) -> None:
        """Hydra's hand-over; a planned sweep brings all it needs."""

    def launch(self, job_overrides: Any, initial_job_idx: int) -> Any:
        name = type(self).__name__.lower()
        raise RuntimeError(f"hydra/launcher={name} works with hydra/sweeper=runs and hydra/sweeper=optuna")

    def run_jobs(self, jobs: Any, on_end: Any, callbacks: Any) -> int:
        """Run all; call on_end(job, exit code, error) for each; return 0 or 128 + the signal that stopped them."""
        raise NotImplementedError


class Local(Planned):
    """hydra/launcher=local: parallel processes on this machine.

    n_jobs: how many at a time; null: as many as there are cores or, with GPUs, jobs_per_gpu on each.
    """

    def __init__(self, n_jobs: int | None = None, jobs_per_gpu: int = 1) -> None:
        self.n_jobs, self.jobs_per_gpu = n_jobs, jobs_per_gpu

    def run_jobs(self, jobs: Any, on_end: Any, callbacks: Any) -> int:
        from runner.sweep.local import places, run_parallel

        settings = jobs[0].config.settings
        where = places(self.n_jobs, self.jobs_per_gpu, settings.device, settings.threads)
        return run_parallel(jobs, on_end, where[: len(jobs)], callbacks)


class Stacked(Planned):
    """hydra/launcher=stacked: runs that differ only in numbers train as one program.

    form: vmap, autograd or compile; auto: the fastest of a short trial, processes of their own included.
    max_runs: the most in one program; null: as many as fit into memory.
    """

    def __init__(self, form: str = "auto", max_runs: int | None = None) -> None:
        self.form, self.max_runs = form, max_runs

    def run_jobs(self, jobs: Any, on_end: Any, callbacks: Any) -> int:
        from runner.sweep.stacked.launcher import Stacked as StackedRuns
        from runner.train.output import print_line

        return StackedRuns(self.form, self.max_runs, print_line).run(jobs, on_end, callbacks)


SWEEPER = {"_target_": f"{__name__}.RunsSweeper", "max_batch_size": None, "params": None, "grid": None}
ConfigStore.instance().store("runs", SWEEPER, group="hydra/sweeper", provider="optrun")
OPTUNA = {"_target_": f"{__name__}.OptunaSweeper", "params": None, "n_trials": 20, "seed": 0, "sampler": "tpe"}
ConfigStore.instance().store("optuna", {**OPTUNA, "batch": None}, group="hydra/sweeper", provider="optrun")
LOCAL = {"_target_": f"{__name__}.Local", "n_jobs": None, "jobs_per_gpu": 1}
ConfigStore.instance().store("local", LOCAL, group="hydra/launcher", provider="optrun")
STACKED = {"_target_": f"{__name__}.Stacked", "form": "auto", "max_runs": None}
ConfigStore.instance().store("stacked", STACKED, group="hydra/launcher", provider="optrun")
