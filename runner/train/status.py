"""Writes config.yaml and status.json, and the lines that the console ends with."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from results.paths import CONFIG, STATUS, run_label
from results.run import read_run
from results.run_folder import RunFolder
from results.status import result_text
from results.values import flat, format_value
from runner.config.groups import changed_settings
from runner.config.schema import Config
from runner.train.progress import Progress
from tasks.task import Task

#: keys that decide what is recorded, not what is computed
RECORDING = ("track", "logger", "log.every", "checkpoint.keep", "checkpoint.keep_every")


def write_config(folder: RunFolder, config: Config) -> None:
    """Write config.yaml, which repeats the run."""
    folder.write_text(CONFIG, OmegaConf.to_yaml(OmegaConf.create({**config.plain, "rerun": False})))


def write_status(folder: RunFolder, task: Task, status: str, progress: Progress, **more: Any) -> dict[str, Any]:
    """Write status.json; return its content. status: one of results.status.STATUSES."""
    progress.update_total()
    seconds = {**progress.seconds, "optimizer": progress.optimizer_s()}  # an estimate, or null
    content = {
        "status": status,
        "epochs_done": progress.epoch,
        "steps_done": progress.step,
        "metric": task.metric,
        "better": task.better,
        "best": progress.best,
        "final": progress.last,
        "test": None,
        "stopped_early": progress.stopped_early,
        **({} if progress.averaging_from is None else {"averaging_from": progress.averaging_from}),
        "seconds": {kind: None if value is None else round(value, 6) for kind, value in seconds.items()},
        **more,
    }
    folder.write_json(STATUS, content)
    return content


def result_lines(config: Config, status: dict[str, Any], folder: RunFolder) -> str:
    """Two lines: the result of a finished run, and its folder."""
    groups, branch = changed_settings(config.groups), config.settings.branch
    setting = run_label(config.optim, config.lr_schedule, config.wrap, groups, branch)
    name = f"{config.task.name} {setting} seed={config.settings.seed}"
    return f"{name}: {result_text(status, config.task.metric)}\n{folder.path}"


def rerun_text(config: Config, folder: RunFolder) -> str:
    """What `rerun=true` would do to a finished run, with what is asked for and was not recorded."""
    try:
        recorded = flat(read_run(folder.path).config)
    except (OSError, ValueError):
        return "rerun=true runs it again"
    asked = flat(config.plain)
    missing = [key for key in RECORDING if key in recorded and recorded[key] != asked[key]]
    if not missing:
        return "rerun=true runs it again"
    then, now = (" ".join(f"{key}={format_value(found[key])}" for key in missing) for found in (recorded, asked))
    return f"it ran with {then}, so there is nothing of {now}; rerun=true runs it again, with that"
