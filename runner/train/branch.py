"""Starting a branch: the state of its stem, with the numbers, the schedule and the record of a new run.

Counters go on: epochs, and with them the order of the data, steps, seconds. Weights, the optimizer's state and torch's
random numbers are the stem's. Rows, the best epoch, the schedule with its warmup, the state of plateau and the patience
of early stopping start anew. A branch without changes of a stem of constant learning rate goes on as the stem does, bit
for bit. With branch.weights=evaluation the weights are those that the stem is evaluated with, and the optimizer's state
starts anew too.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from optim.grouping.combined import CombinedOptimizer
from optim.interface import TrainingOptimizer
from optim.optimizer import ComposedOptimizer
from optim.wrapping import state_to_start_anew, with_late_state
from results.earlier_code import changed_files
from results.paths import CHECKPOINTS, KEPT, LAST, kept_checkpoint
from results.records import read_status
from results.run import Run
from results.values import quote
from runner.config.branch import changed_numbers, check_changes, find_stem, late_wrappers
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.train import checkpoint
from runner.train.progress import Progress
from runner.train.trainer import Trainer


def check_stem(config: Config) -> None:
    """Raise ConfigError if a branch that has no checkpoint of its own can't start: its stem is missing, is another run
    or has not kept the epoch."""
    if config.settings.branch.run is not None and not (config.run_path / LAST).exists():
        stem = find_stem(config)
        check_changes(stem, config)
        find_checkpoint(stem.folder, config.settings.first_epoch)


def find_checkpoint(stem: Path, epoch: int) -> Path:
    """The file of a stem's checkpoint after an epoch, which may be its last one."""
    status = read_status(stem) or {}
    is_last = status.get("epochs_done") == epoch and (stem / LAST).is_file()
    path = stem / (LAST if is_last else kept_checkpoint(epoch))
    if path.is_file():
        return path
    kept = sorted(int(file.stem.partition("=")[2]) for file in stem.glob(KEPT) if file.stem[6:].isdecimal())
    has = f"those of {', '.join(map(str, kept))}" if kept else "none"
    raise ConfigError(
        f"branch.at_epoch={epoch}: {stem / CHECKPOINTS} has no checkpoint of this epoch; of the epochs before the last "
        f"one ({status.get('epochs_done', 0)}) it has {has}; checkpoint.keep=[{epoch}] keeps one as a run is made"
    )


def load_stem(trainer: Trainer, device: str) -> None:
    """Give a new run the state of its stem's checkpoint. Raises ValueError for one that is damaged or does not fit."""
    config = trainer.config
    stem = find_stem(config)
    path = find_checkpoint(stem.folder, config.settings.first_epoch)
    try:
        saved = checkpoint.load(path, device)
    except ValueError as error:
        raise ValueError(str(error).removesuffix(f"; {checkpoint.RERUN}")) from None
    try:
        trainer.state.load_state_dict(branch_state(trainer, stem, saved or {}))
    except ConfigError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:  # as torch raises them
        reason = quote(f"{type(error).__name__}: {error}", 200)
        raise ValueError(f"{path} does not fit this branch ({reason})") from error
    at = trainer.progress.epoch, trainer.progress.step_in_epoch
    if at != (config.settings.first_epoch, 0):
        raise ValueError(
            f"{path} is of epoch {at[0]}, step {at[1]} in the next one, and not of {config.settings.first_epoch}"
        )
    trainer.console.print(f"Starting from {path}, after epoch {trainer.progress.epoch}, step {trainer.progress.step}.")
    both = stem.code.keys() & config.code.keys()  # a branch may have wrappers that its stem has not
    if changed := changed_files(*({file: code[file] for file in both} for code in (stem.code, config.code))):
        trainer.console.print(f"The code has changed since then: {', '.join(changed)}.")


def branch_state(trainer: Trainer, stem: Run, saved: Mapping[str, Any]) -> dict[str, Any]:
    """A stem's checkpoint as that of a branch that has not begun."""
    trainer.model.load_state_dict(saved["model"])  # a wrapper's state may start from the weights
    changed, late = (find(stem.config, trainer.config.plain) for find in (changed_numbers, late_wrappers))
    fresh = Progress()
    anew = ("best", "last", "best_checksum", "epochs_since_best", "stopped_early", "val_losses")
    state = {
        **saved,
        "progress": {**saved["progress"], **{key: getattr(fresh, key) for key in anew}},
        "optimizer": optimizer_state(trainer.optimizer, saved["optimizer"], changed, late),
        "scheduler": trainer.scheduler.state_dict(),
    }
    return state if trainer.settings.branch.weights == "training" else at_evaluation_weights(trainer, state)


def at_evaluation_weights(trainer: Trainer, state: Mapping[str, Any]) -> dict[str, Any]:
    """`state` with the weights that it is evaluated with, and an optimizer that has taken no step."""
    optimizer, progress = trainer.optimizer, state["progress"]
    new = deepcopy(optimizer.state_dict())
    optimizer.load_state_dict(state["optimizer"])
    with trainer.weights_to_evaluate.loaded(progress["step"]):
        model = deepcopy(trainer.model.state_dict())
        parameters = dict(trainer.model.named_parameters())
        if all(torch.equal(parameters[name], state["model"][name]) for name in parameters):
            raise ConfigError(
                f"branch.weights=evaluation: after epoch {progress['epoch']} the run is evaluated with its training "
                "weights; no mean of them has begun"
            )
    averages = progress["averaging_from"] is not None
    return {
        **state,
        "model": model,
        "optimizer": started_anew(optimizer, state["optimizer"], new),
        "progress": {**progress, "averaging_from": progress["epoch"] + 1 if averages else None},
    }


def started_anew(optimizer: TrainingOptimizer, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`new`, the state of an optimizer without steps, with what its wrappers keep of the `old` one."""
    if isinstance(optimizer, CombinedOptimizer):
        parts = optimizer.parts.items()
        return {**new, "parts": {n: started_anew(part, old["parts"][n], new["parts"][n]) for n, part in parts}}
    if isinstance(optimizer, ComposedOptimizer):
        return {**new, "state": state_to_start_anew(optimizer, old)}
    return dict(new)


def optimizer_state(
    optimizer: TrainingOptimizer, saved: Mapping[str, Any], changed: list[str], late: list[str]
) -> dict[str, Any]:
    """A stem's optimizer state with a branch's values of the numbers `changed` and state for the wrappers `late`."""
    if isinstance(optimizer, CombinedOptimizer):
        parts = {n: optimizer_state(part, saved["parts"][n], changed, late) for n, part in optimizer.parts.items()}
        return {**saved, "parts": parts}
    groups = []
    for ours, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        kept = {key: value for key, value in theirs.items() if key not in changed}  # a decay that is now 0 has no key
        groups.append({**kept, **{key: ours[key] for key in changed if key in ours}})
    state = {**saved, "param_groups": groups}
    return with_late_state(optimizer, state, late) if late and isinstance(optimizer, ComposedOptimizer) else state
