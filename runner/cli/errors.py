"""Messages for errors of Hydra and OmegaConf: one line that says what is wrong and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from results.values import first_line, quote
from runner.cli.help import summaries
from runner.config.compose import CONFIGS, several_values, unreadable
from runner.config.errors import ConfigError
from runner.config.external import CONTRACTS
from runner.config.plugins import plugin_summaries
from runner.config.suggestions import GROUPS, list_choices

HYDRA_CHOICES = {  # its groups that are of use here, and what to install for a choice
    "hydra/launcher": {
        "basic": "",
        "local": "",
        "stacked": "",
        "joblib": "pip install hydra-joblib-launcher",
        "submitit_local": "pip install hydra-submitit-launcher",
        "submitit_slurm": "pip install hydra-submitit-launcher",
        "ray": "pip install 'ray[default]<3' && pip install --no-deps hydra-ray-launcher",
    },
    "hydra/sweeper": {"runs": "", "optuna": ""},
}


def composed(compose_it: Callable[[], Any]) -> Any:
    """What `compose_it` returns; raises ConfigError also for errors of Hydra and OmegaConf, such as an interpolation
    that leads nowhere."""
    try:
        return compose_it()
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(describe_error(error)) from None


def describe_error(error: Exception) -> str:
    """One line for an error raised while a configuration was composed."""
    text = str(error).strip()
    if match := re.search(r"Ambiguous value for argument '(?:\+\+)?([^']*)'", text):
        return several_values(match[1])
    if override := getattr(error, "override", None):
        return unreadable(override.removeprefix("++"))
    if match := re.search(r"Could not (?:find|load) '([^']*)/([^'/]*)'", text):
        return unknown_choice(*experiment_parts(match[1], match[2]))
    if match := re.match(r"Could not override '(hydra)\.(\w+)\.([^']+)'", text):
        return unknown_key(*match.groups())
    if match := re.match(r"Could not (?:override|delete) '([^']+)'", text):
        return (
            f"{quote(match[1])} is not a group; {list_choices(match[1], dict.fromkeys([*GROUPS, 'optim/lr_schedule']))}"
        )
    if match := re.search(r"force-add of config groups .*'\+\+published=(.*)'", text):
        return f"published numbers go beside finished runs: python scripts/report.py outputs/... --against {match[1]}"
    if text.startswith("Error merging override ") and error.__cause__:
        return f"{text.removeprefix('Error merging override ')}: {first_line(error.__cause__)}"
    if isinstance(error, OSError) and error.filename:
        return f"can't write {error.filename}: {error.strerror}"
    if key := getattr(error, "full_key", None):  # of OmegaConf, whose further lines repeat it
        return f"{key}: {re.sub(r'^[A-Za-z]+ raised while resolving interpolation: ', '', text.splitlines()[0])}"
    return quote(re.sub(r"\s*\n\s*", " ", text) or f"this can't be composed ({type(error).__name__})", 400)


def unknown_choice(group: str, choice: str) -> str:
    if install := HYDRA_CHOICES.get(group, {}).get(choice):
        return f"{group}={choice} needs a package: {install}"
    known = HYDRA_CHOICES.get(group) or dict(summaries(CONFIGS, group))
    if group in CONTRACTS:
        known = {**known, **{name: "" for name, _ in plugin_summaries()}}
    hint = list_choices(choice, known) if known else "--help lists what can be chosen"
    return f"{group}={quote(choice)} is unknown; {hint}"


def unknown_key(hydra: str, group: str, key: str) -> str:
    if (group, key) == ("sweeper", "grid"):
        return "sweep= names a grid of runs, which goes with hydra/sweeper=runs; leave one of them out"
    if (group, key) == ("sweeper", "budget_s"):
        return "--budget shrinks a grid of runs, which goes with hydra/sweeper=runs; leave one of them out"
    if group == "sweeper" and key in ("halving", "min_epochs", "brackets"):
        return (
            f"sweep.{key} is for a grid of runs, which goes with hydra/sweeper=runs; a search has hydra.sweeper.pruner"
        )
    return f"{hydra}.{group}.{key} is not a key of the chosen {hydra}/{group}"


def experiment_parts(group: str, choice: str) -> tuple[str, str]:
    """An experiment's choice has folders of its own: experiment=aggmo/autoencoder."""
    head, slash, folder = group.partition("/")
    return ("experiment", f"{folder}/{choice}") if head == "experiment" and slash else (group, choice)
