"""A branch: a run that starts from another run's checkpoint, its stem, under another schedule or other numbers.

    python main.py ... branch.run=outputs/digits/adam,lr=0.01/3f2a1b7c/seed=0 branch.at_epoch=20 branch.epochs=5

The configuration that is recorded and signed has the stem's signature and the epoch, and not where the stem lies.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optim.external.config import ExternalConfig
from optim.transform import overrides
from results.paths import CONFIG
from results.run import Run, read_run
from results.signature import changes_results
from results.values import flat, quote
from runner.config.errors import ConfigError
from runner.config.schema import Branch, Config, Settings

#: what a branch may change, beside the numbers of optimizer and wrappers, further wrappers and what changes no result
FREE = ("optim.lr_schedule", "patience", "clip_norm", "clip_value", "divergence_threshold", "finetune")
OWN = ("branch", "epochs")  # what makes it one
SIGNATURE = re.compile("[0-9a-f]{8}")


def with_stem(config: Config) -> Config:
    """The configuration with the stem's signature, and with `epochs` counting the stem's; itself if it is no branch.

    Raises ConfigError for a branch without a stem, or one that changes what it may not. A recorded configuration, which
    has the signature, is taken as it is: the stem may be gone.
    """
    branch = check_keys(config.settings)
    at_epoch, epochs = branch.at_epoch, branch.epochs
    if at_epoch is None or epochs is None:
        return config
    if branch.signature is None:
        stem = find_stem(config)
        check_changes(stem, config)
        branch = dataclasses.replace(branch, signature=stem.signature)
    settings = dataclasses.replace(config.settings, branch=branch, epochs=at_epoch + epochs)
    plain = {**config.plain, "branch": dataclasses.asdict(branch), "epochs": settings.epochs}
    return dataclasses.replace(config, settings=settings, plain=plain)


def check_keys(settings: Settings) -> Branch:
    """Raise ConfigError for some keys of a branch without the others."""
    branch = settings.branch
    given = [f"branch.{key}" for key, value in dataclasses.asdict(branch).items() if value != getattr(Branch, key)]
    missing = [f"branch.{key}" for key in ("run", "at_epoch", "epochs") if getattr(branch, key) is None]
    if given and missing:
        raise ConfigError(f"{given[0]} needs {' and '.join(missing)}: {HINTS[missing[0]]}")
    if branch.signature is not None and not SIGNATURE.fullmatch(branch.signature):
        raise ConfigError(f"branch.signature={quote(branch.signature)} is not eight hexadecimal digits")
    return branch


HINTS = {
    "branch.run": "the folder of the run to start from, or its signature",
    "branch.at_epoch": "the epoch of the run to start from",
    "branch.epochs": "so many epochs more",
}


def find_stem(config: Config) -> Run:
    """The run that a branch starts from. Raises ConfigError if it is not there, or not the one that was recorded."""
    branch = config.settings.branch
    folder = next((folder for folder in places(config) if (folder / CONFIG).is_file()), None)
    if folder is None:
        raise ConfigError(
            f"branch.run={quote(branch.run, 300)} has no run of seed={config.settings.seed}; give a run's folder, "
            ".../<signature>/seed=<n>, the one above it for the stem of each seed, or the signature"
        )
    try:
        run = read_run(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"branch.run: {folder} can't be read ({error})") from None
    if branch.signature is not None and run.signature != branch.signature:
        raise ConfigError(
            f"branch.run: {folder} has the signature {run.signature}, and this branch is of {branch.signature}"
        )
    return run


def places(config: Config) -> list[Path]:
    """Where a stem may lie: the folder that was given, or the one of this seed below it, or below outputs."""
    settings = config.settings
    given, signature = settings.branch.run or "", settings.branch.signature
    folder, name = Path(os.path.expanduser(given)), f"seed={settings.seed}"
    if signature is None and SIGNATURE.fullmatch(given):
        signature = given
    below = Path(os.path.expanduser(settings.outputs), config.task.name)
    return [folder, folder / name, *(sorted(below.glob(f"*/{signature}/{name}")) if signature else [])]


def check_changes(stem: Run, config: Config) -> None:
    """Raise ConfigError unless a branch differs from its stem only in what it may change."""
    theirs, ours = stem.settings, flat(config.plain)
    if stem.seed != config.settings.seed:
        raise ConfigError(
            f"branch.run is the run of seed={stem.seed}, and this run has seed={config.settings.seed}; the folder "
            "above it, .../<signature>, stands for the stem of each seed"
        )
    check_epoch(stem, config.settings.branch.at_epoch)
    if config.settings.branch.weights == "evaluation":
        check_weights(stem, config)
    before, now = (list(each.get("wrap") or {}) for each in (stem.config, config.plain))
    changed = [("wrap", before, now)] if before != [name for name in now if name in before] else []
    changed += changed_rules(stem.config.get("groups") or {}, config.plain["groups"])
    for key in sorted(theirs.keys() & ours.keys()):
        if changes_results(key) and theirs[key] != ours[key] and not may_change(key, theirs[key], ours[key]):
            changed.append((key, theirs[key], ours[key]))
    if changed:
        key, old, new = changed[0]
        raise ConfigError(
            f"{key}={quote(new)} in this branch and {quote(old)} in the run it starts from, {stem.folder}; a branch "
            f"may change {', '.join(FREE)} and the numbers of its optimizer and wrappers, and add wrappers"
        )


def check_epoch(stem: Run, epoch: int | None) -> None:
    """Raise ConfigError for a checkpoint whose momentum fine-tuning has set: it is not that of the configuration."""
    finetune, settings = stem.config.get("finetune") or {}, stem.settings
    set_after = settings.get("epochs", 0) - finetune.get("epochs", 0)
    if epoch is not None and finetune.get("epochs") and epoch > set_after:
        raise ConfigError(
            f"branch.at_epoch={epoch}: {stem.folder} set its momentum to {finetune['final_mom']} after epoch "
            f"{set_after} (finetune.epochs={finetune['epochs']}); a branch starts at that epoch or before"
        )


def check_weights(stem: Run, config: Config) -> None:
    """Raise ConfigError where a stem is known to be evaluated with its training weights."""
    refused = f"branch.weights=evaluation: {stem.folder} is evaluated with its training weights"
    of_stem = [each for each in config.wrap if each.name in (stem.config.get("wrap") or {})]
    has_own = any(isinstance(each, ExternalConfig) for each in config.optimizers)  # they may, when they are made
    if not has_own and not any(overrides(each, "evaluation_weights") for each in of_stem):
        raise ConfigError(f"{refused}; it has no wrapper with others, such as ema, swa or nt_asgd")
    epoch, begins = config.settings.branch.at_epoch, stem.status.get("averaging_from")
    if any(each.name == "nt_asgd" for each in of_stem) and (begins is None or (epoch or 0) < begins):
        first = f"; its mean begins with epoch {begins}" if begins else ", as nt_asgd has not begun a mean"
        raise ConfigError(f"{refused} after epoch {epoch}{first}")


def changed_rules(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(key, the stem's, the branch's) where the rules of parameter groups differ."""
    if list(before) != list(now):
        return [("groups", list(before), list(now))]
    theirs, ours = flat({"groups": before}), flat({"groups": now})
    return [(key, theirs.get(key), ours.get(key)) for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)]


def may_change(key: str, old: Any, new: Any) -> bool:
    if any(key == each or key.startswith(f"{each}.") for each in (*FREE, *OWN)):
        return True
    return key.startswith(("optim.", "wrap.")) and structure(old) == structure(new) != ""


def structure(value: Any) -> str:
    """Equal for two floats, and for two lists of as many floats; empty for what is no number of an update."""
    if isinstance(value, float):
        return "float"
    is_floats = isinstance(value, list | tuple) and value and all(isinstance(each, float) for each in value)
    return f"{len(value)} floats" if is_floats else ""


def late_wrappers(stem: Mapping[str, Any], branch: Mapping[str, Any]) -> list[str]:
    """The wrappers that a branch has and its stem has not."""
    return [name for name in branch["wrap"] if name not in (stem.get("wrap") or {})]


def changed_numbers(stem: Mapping[str, Any], branch: Mapping[str, Any]) -> list[str]:
    """The keys of param_groups whose values a branch changes: lr, weight_decay, ema.decay, ..."""
    theirs, ours = flat(stem), flat(branch)
    keys = [key for key, value in ours.items() if key.startswith(("optim.", "wrap.")) and theirs.get(key) != value]
    return [key.split(".", 1)[1] for key in keys if not key.startswith("optim.lr_schedule.")]
