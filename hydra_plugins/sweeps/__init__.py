"""Hydra plugins: the sweepers `runs` and `optuna`, the launchers `local` and `stacked`.

Hydra looks for plugins in a package of this name. It imports this file for every command, so what a sweep needs is
imported inside functions; nothing here imports torch.
"""

from __future__ import annotations

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin


class SweeperWithCallbacks(BasicSweeper):
    """Base of the sweepers: keeps the callbacks of the task function."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.callbacks = task_function.callbacks

    def fixed_overrides(self) -> list[str]:
        """Those of hydra.sweeper.params."""
        from collections.abc import Mapping

        from runner.config.errors import ConfigError

        if not isinstance(self.params, Mapping | None):
            raise ConfigError(f"hydra.sweeper.params={self.params} is one value, but it is a group of overrides")
        return self._parse_config()


class RunsSweeper(SweeperWithCallbacks):
    """hydra/sweeper=runs, the default: plans all runs before the first starts, and runs those that are not done.

    grid: a file of configs/sweep; the command line's `sweep=NAME`. suite: a file of configs/suite; its `suite=NAME`.
    budget_s: the seconds of its `--budget`.
    halving: the fields of runner.sweep.settings.HalvingSettings; the command line's `sweep.halving=3`.
    """

    def __init__(
        self,
        params: dict[str, str] | None = None,
        grid: str | None = None,
        suite: str | None = None,
        budget_s: float | None = None,
        **halving: Any,
    ) -> None:
        super().__init__(None, params)
        self.grid, self.suite, self.budget_s, self.halving = grid, suite, budget_s, halving

    def sweep(self, arguments: list[str]) -> Any:
        from runner.sweep.main import run_sweep
        from runner.sweep.settings import GridSettings, read_halving, read_settings

        assert self.hydra_context is not None
        overrides, loader = [*self.fixed_overrides(), *arguments], self.hydra_context.config_loader
        given = {"grid": self.grid, "budget_s": self.budget_s, "suite": self.suite}
        settings, halving = read_settings(GridSettings, given, "hydra.sweeper"), read_halving(self.halving)
        common = overrides, loader, self.config, self.launcher
        if settings.suite is not None:
            from runner.sweep.suite_sweep import run_suite

            raise SystemExit(run_suite(*common, settings, self.callbacks, halving))
        how = {"grid": settings.grid, "budget_s": settings.budget_s, "halving": halving}
        raise SystemExit(run_sweep(*common, callbacks=self.callbacks, **how))


class OptunaSweeper(SweeperWithCallbacks):
    """hydra/sweeper=optuna: searches the keys that have an interval, a range or several values.

    settings: the fields of runner.sweep.settings.SearchSettings.
    """

    def __init__(self, params: dict[str, str] | None = None, **settings: Any) -> None:
        super().__init__(None, params)
        self.settings = settings

    def sweep(self, arguments: list[str]) -> Any:
        from runner.config.errors import ConfigError

        try:
            import optuna  # noqa: F401
        except ImportError:
            raise ConfigError("hydra/sweeper=optuna needs Optuna: pip install 'optuna>=5,<6'") from None
        from runner.sweep.optuna_search import run_search
        from runner.sweep.settings import SearchSettings, read_settings

        assert self.hydra_context is not None
        overrides = [*self.fixed_overrides(), *arguments]
        settings = read_settings(SearchSettings, self.settings, "hydra.sweeper")
        loader = self.hydra_context.config_loader
        raise SystemExit(run_search(overrides, loader, self.config, self.launcher, settings, self.callbacks))


class JobLauncher(Launcher):
    """Base of the launchers that take planned runs, each with a checked configuration and a folder."""

    def setup(self, **kwargs: Any) -> None:
        """Nothing: run_jobs is given all that it needs."""

    def launch(self, job_overrides: Any, initial_job_idx: int) -> Any:
        name = type(self).__name__.removesuffix("Launcher").lower()
        raise RuntimeError(f"hydra/launcher={name} works with hydra/sweeper=runs and hydra/sweeper=optuna")

    def check(self) -> None:
        """Raise ConfigError for settings that can't be."""

    def machine_slots(self, settings: Any) -> Any:
        """A slot for each process in which runs could be in progress at a time on this machine."""
        from runner.sweep.slots import process_slots

        return process_slots(None, 1, settings.device, settings.threads)

    def run_jobs(self, jobs: Any, on_end: Any, callbacks: Any) -> int:
        """Run all jobs; call on_end(job, exit code, error) for each; return 0 or 128 + the signal that stopped them."""
        raise NotImplementedError


class LocalLauncher(JobLauncher):
    """hydra/launcher=local: parallel processes on this machine.

    n_jobs: how many at a time; null: as many as there are cores or, with GPUs, jobs_per_gpu on each.
    """

    def __init__(self, n_jobs: int | None = None, jobs_per_gpu: int = 1) -> None:
        self.n_jobs, self.jobs_per_gpu = n_jobs, jobs_per_gpu

    def check(self) -> None:
        from runner.sweep.settings import LocalSettings, read_settings

        values = {"n_jobs": self.n_jobs, "jobs_per_gpu": self.jobs_per_gpu}
        settings = read_settings(LocalSettings, values, "hydra.launcher")
        self.n_jobs, self.jobs_per_gpu = settings.n_jobs, settings.jobs_per_gpu

    def slots(self, settings: Any) -> Any:
        """A slot for each process; settings: of a run."""
        from runner.sweep.slots import process_slots

        return process_slots(self.n_jobs, self.jobs_per_gpu, settings.device, settings.threads)

    def machine_slots(self, settings: Any) -> Any:
        return self.slots(settings)

    def run_jobs(self, jobs: Any, on_end: Any, callbacks: Any) -> int:
        from runner.sweep.local import run_parallel

        return run_parallel(jobs, on_end, self.slots(jobs[0].config.settings)[: len(jobs)], callbacks)


class StackedLauncher(JobLauncher):
    """hydra/launcher=stacked: runs that differ only in numbers train as one program.

    form: vmap, autograd or compile; auto: the fastest by timing some steps, parallel processes included.
    max_runs: the most in one program; null: as many as fit into memory.
    """

    def __init__(self, form: str = "auto", max_runs: int | None = None) -> None:
        self.form, self.max_runs = form, max_runs

    def check(self) -> None:
        from runner.sweep.settings import StackedSettings, read_settings

        settings = read_settings(StackedSettings, {"form": self.form, "max_runs": self.max_runs}, "hydra.launcher")
        self.form, self.max_runs = settings.form, settings.max_runs

    def run_jobs(self, jobs: Any, on_end: Any, callbacks: Any) -> int:
        from runner.sweep.stacked.launcher import StackedSweep

        return StackedSweep(on_end, callbacks, self.form, self.max_runs).run(jobs)


def register(group: str, name: str, plugin: type, **defaults: Any) -> None:
    """Let the command line choose a plugin, with these settings."""
    node = {"_target_": f"{__name__}.{plugin.__name__}", **defaults}
    ConfigStore.instance().store(name, node, group=f"hydra/{group}", provider="optrun")


class Registration(SearchPathPlugin):
    """Registers this project's plugins once Hydra has imported all: hydra-optuna-sweeper takes the name optuna too."""

    def manipulate_search_path(self, search_path: Any) -> None:
        halving = {"halving": None, "min_epochs": None, "brackets": None}
        register("sweeper", "runs", RunsSweeper, params=None, grid=None, suite=None, budget_s=None, **halving)
        search = {"n_trials": 20, "seed": 0, "sampler": "tpe", "batch": None, "pruner": None}
        register("sweeper", "optuna", OptunaSweeper, params=None, **search)
        register("launcher", "local", LocalLauncher, n_jobs=None, jobs_per_gpu=1)
        register("launcher", "stacked", StackedLauncher, form="auto", max_runs=None)
