"""The command line: Hydra composes, `runner.config.validate` checks, `runner.train.run` trains. torch is not imported before it
is needed, so help, `--cfg job` and mistakes answer at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from runner.cli.errors import CHOOSABLE, in_words
from runner.cli.help import help_text
from runner.config.compose import CONFIGS, compose, read_saved
from runner.config.validate import ConfigError, validate
from runner.train.distributed import ALONE, Processes
from runner.train.signals import STOPPED_BY_SIGNAL

BAD_INPUT = 2  # exit code
GRID = "hydra.sweeper.grid="  # where Hydra lets a sweep's own settings through
WITH_VALUE = {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"}


def main(argv: list[str]) -> int:
    """Run the command; return the exit code: 0 done (a diverged run is a result), 1 a run failed, 2 bad input.

    Under torchrun all processes run the command together.
    """
    processes = Processes.of_environment()
    try:
        return processes.together(lambda: command(argv, processes))
    except KeyboardInterrupt:
        if processes.first:
            print("interrupted", file=sys.stderr)
        return 130


def command(argv: list[str], processes: Processes) -> int:
    try:
        if {"--help", "-h"} & set(argv):
            print(help_text(CONFIGS), end="")
            return 0
        if processes.size > 1 and any(word == "-m" or word.startswith("--m") for word in argv):
            raise ConfigError(
                f"-m is for one process; start each experiment of its own with {processes.size} processes"
            )
        if any(word.startswith("config=") for word in argv):
            return run_one(lambda: read_saved(argv), processes)
        return compose_and_run(argv, processes)
    except ConfigError as error:
        return refuse(str(error))


def refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return BAD_INPUT


def compose_and_run(argv: list[str], processes: Processes) -> int:
    import hydra
    from omegaconf import DictConfig, OmegaConf

    codes: list[int] = []

    def job(composed: DictConfig) -> None:
        codes.append(-1)  # begun: what is raised from here on is not about composing
        codes[-1] = run_one(lambda: OmegaConf.to_container(composed, resolve=True), processes)
        if codes[-1] > STOPPED_BY_SIGNAL:
            raise SystemExit(codes[-1])  # Ctrl-C ends a sweep, not only its current run

    os.environ["HYDRA_FULL_ERROR"] = "1"  # let Hydra raise instead of printing: its errors are put in words below
    words = arguments(argv)
    if not {"-m", "--multirun"} & set(words) and any(word.startswith(GRID) for word in words):
        raise ConfigError("sweep= names a grid of runs; add -m to run them")
    sys.argv = [sys.argv[0], *words]
    try:
        if any(word == "-c" or word.startswith("--cfg") for word in words):
            validate(compose(*(word for word in words if "=" in word and not word.startswith("-"))))
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")(job)()
    except ConfigError:
        raise
    except SystemExit as stop:  # argparse has printed its usage
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    except Exception as error:
        if -1 in codes:  # ours, not Hydra's
            raise
        return refuse(in_words(error))
    return max(codes, default=0)


def run_one(compose_it: Callable[[], Any], processes: Processes = ALONE) -> int:
    """Run the experiment that `compose_it` returns as plain containers.

    Never raises for the user's mistakes, so that a sweep goes on.
    """
    from omegaconf.errors import OmegaConfBaseException

    try:
        try:
            raw = compose_it()
        except OmegaConfBaseException as error:  # an interpolation that leads nowhere
            return refuse(in_words(error))
        with processes.agreed():
            config = validate(raw)
        from runner.train.run import run

        return run(config, processes=processes)
    except ConfigError as error:
        return refuse(str(error))


def arguments(argv: list[str]) -> list[str]:
    """Hydra's arguments: flags first, since it refuses them between overrides, and values forced in (`++`).

    Hydra's own refusal of an unknown key knows no nearest key and advises to add it; `validate` has both.
    """
    flags, overrides = [], []
    words = iter(argv)
    for word in words:
        if word.startswith("-"):
            flags += [word, next(words, "")] if word in WITH_VALUE else [word]
        elif word:
            overrides += override(word)
    return flags + overrides


def override(word: str) -> list[str]:
    key, equals, value = word.partition("=")
    if equals and not key:
        raise ConfigError(f"{word} can't be read; write key=value")
    if value.startswith("~/"):
        word = f"{key}={os.path.expanduser(value)}"  # quoted or behind '=', the shell leaves it as it is
    if key in CHOOSABLE and value in ("null", ""):
        return no_choice(key)
    if key == "wrap":
        refuse_repeated(value)
    if key == "sweep":
        return [GRID + value]
    return [word if chooses(key, equals) else f"++{word}"]


def no_choice(group: str) -> list[str]:
    """Nothing chosen: fine where a group may be empty."""
    if group == "wrap":
        return ["wrap=[]"]
    if group == "experiment":
        return []
    raise ConfigError(f"{group}= needs a choice; --help lists them")


def refuse_repeated(value: str) -> None:
    if not value.startswith("["):
        return  # one wrapper, or a sweep over lists
    names = [name.strip() for name in value.strip("[]").split(",") if name.strip()]
    if "]" not in value[:-1] and len(set(names)) < len(names):
        raise ConfigError(f"wrap={value} names a wrapper twice; each can be used once")


def chooses(key: str, equals: str) -> bool:
    """Whether a word is not a plain `key=value`: a group's choice, or Hydra's own."""
    return not equals or key[0] in "+~" or key in CHOOSABLE or "/" in key or "@" in key or key.startswith("hydra.")
