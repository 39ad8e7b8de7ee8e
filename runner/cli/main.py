"""The command line: Hydra composes, `runner.config.validate` checks, `runner.train.run` trains.

torch is not imported before it is needed, so help, `--cfg job` and mistakes are answered at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from results.values import one_line
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.cli.check_data import FLAG, check_data_command
from runner.cli.errors import composed, describe_error
from runner.cli.evaluate import WORD, evaluate_command
from runner.cli.help import help_text
from runner.cli.overrides import BUDGET, BUDGET_S, GRID, HALVING, SUITE, hydra_arguments
from runner.config.compose import CONFIGS, compose, read_saved
from runner.config.errors import ConfigError
from runner.config.validate import validate
from runner.train.distributed import DistributedContext
from runner.train.launch import distributed_context
from runner.train.signals import STOPPED_BY_SIGNAL
from runner.train.temporary import shorten_temporary_folder

BAD_INPUT = 2  # exit code


def main(argv: list[str], callbacks: Callbacks = NO_CALLBACKS) -> int:
    """Run the command; return the exit code: 0 done (a diverged run is a result), 1 a run failed, 2 bad input.

    Under torchrun all processes run the command together.
    """
    shorten_temporary_folder()
    distributed = distributed_context()
    try:
        return distributed.run(lambda: run_command(argv, distributed, callbacks))
    except KeyboardInterrupt:  # the second signal
        if distributed.is_main:
            print("interrupted", file=sys.stderr)
        return STOPPED_BY_SIGNAL + signal.SIGINT


def run_command(argv: list[str], distributed: DistributedContext, callbacks: Callbacks) -> int:
    try:
        if {"--help", "-h"} & set(argv):
            print(help_text(CONFIGS), end="")
            return 0
        if distributed.size > 1 and any(word == "-m" or word.startswith("--m") for word in argv):
            raise ConfigError(f"-m is for one process; start each experiment alone with {distributed.size} processes")
        if any(word.startswith(WORD) for word in argv):
            if distributed.size > 1:
                raise ConfigError("evaluate=FOLDER is for one process")
            return evaluate_command(argv)
        if FLAG in argv:
            if distributed.size > 1:
                raise ConfigError(f"{FLAG} is for one process")
            return check_data_command(argv)
        if any(word.startswith("config=") for word in argv):
            return run_one(lambda: read_saved(argv), distributed, callbacks)
        return compose_and_run(argv, distributed, callbacks)
    except ConfigError as error:
        return print_error(str(error))


def print_error(message: str) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return BAD_INPUT


@dataclass
class HydraTask:
    """What Hydra calls with the composed configuration; a sweep's sweeper finds the callbacks here."""

    distributed: DistributedContext
    callbacks: Callbacks
    exit_codes: list[int] = field(default_factory=list)

    def __call__(self, composed: Any) -> None:
        from omegaconf import OmegaConf

        self.exit_codes.append(-1)  # what is raised from here on is not Hydra's
        compose_it = lambda: OmegaConf.to_container(composed, resolve=True)  # noqa: E731
        self.exit_codes[-1] = run_one(compose_it, self.distributed, self.callbacks)
        if self.exit_codes[-1] > STOPPED_BY_SIGNAL:
            raise SystemExit(self.exit_codes[-1])  # Ctrl-C ends a sweep, not only its current run


def compose_and_run(argv: list[str], distributed: DistributedContext, callbacks: Callbacks) -> int:
    words = hydra_arguments(argv)
    if not {"-m", "--multirun"} & set(words):
        if any(word.startswith(GRID) for word in words):
            raise ConfigError("sweep= names a grid of runs; add -m to run them")
        if any(word.startswith(SUITE) for word in words):
            raise ConfigError("suite= names the tasks of many runs; add -m to run them")
        if any(word.startswith(BUDGET_S) for word in words):
            raise ConfigError(f"{BUDGET} shrinks a sweep; add -m to run one")
        if keys := [key for key, name in HALVING.items() if any(word.startswith(name) for word in words)]:
            raise ConfigError(f"{keys[0]} is for the runs of a sweep; add -m to run one")
    sys.argv = [sys.argv[0], *words]
    if not any(word.startswith("-") or word.lstrip("+~").startswith("hydra") for word in words):
        return run_one(lambda: compose(*words), distributed, callbacks, words)  # hydra.main would compose twice
    import hydra

    task = HydraTask(distributed, callbacks)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let Hydra raise instead of printing: describe_error has a clearer message
    try:
        if any(word == "-c" or word.startswith("--cfg") for word in words):
            given = [word for word in words if ("=" in word or word[0] == "~") and not word.startswith("-")]
            validate(compose(*given), given)
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")(task)()
    except ConfigError:
        raise
    except SystemExit as stop:  # argparse has printed its usage
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    except Exception as error:
        if -1 in task.exit_codes:
            raise
        return print_error(describe_error(error))
    return max(task.exit_codes, default=0)


def run_one(
    compose_it: Callable[[], Any],
    distributed: DistributedContext,
    callbacks: Callbacks,
    overrides: Sequence[str] = (),
) -> int:
    """Run the experiment that `compose_it` returns as plain containers. overrides: that it composes, if known.

    Returns an exit code for the user's mistakes too, so that a sweep goes on.
    """
    try:
        raw = composed(compose_it)
        with distributed.raise_together():
            config = validate(raw, overrides)
        from runner.train.run import run

        return run(config, distributed=distributed, callbacks=callbacks)
    except ConfigError as error:
        return print_error(str(error))
