"""status.json and the result line: where a run stands, in the words of design and reader."""

from __future__ import annotations

from typing import Any

from results.run_folder import RunFolder
from runner.config.schema import Config
from runner.train.progress import Progress
from tasks.task import Task

FINISHED = ("done", "diverged")


def write_status(folder: RunFolder, task: Task, status: str, progress: Progress, **more: Any) -> dict[str, Any]:
    """Write status.json. status: running, done, diverged, failed or interrupted."""
    progress.tick()
    seconds = {**progress.seconds, "optimizer": progress.optimizer_s()}  # the last is an estimate, or null
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
        "seconds": {kind: None if value is None else round(value, 6) for kind, value in seconds.items()},
        **more,
    }
    folder.write_json("status.json", content)
    return content


def finished(status: dict[str, Any] | None, metric: str) -> bool:
    """Whether status.json, as read, tells of a finished run and can be shown."""
    if status is None or status.get("status") not in FINISHED:
        return False
    if status["status"] == "diverged":
        return "diverged" in status
    return all(metric in (status.get(key) or {}) for key in ("best", "final", "test", "test_last"))


def result_lines(config: Config, status: dict[str, Any], folder: RunFolder) -> str:
    """Two lines: the result, and where everything about it lies."""
    return f"{result(config, status)}\n{folder.path}"


def result(config: Config, status: dict[str, Any]) -> str:
    metric, best, final = config.task.metric, status["best"], status["final"]
    name = f"{config.task.name} {config.optim.name} seed={config.settings.seed}"
    if status["status"] == "diverged":
        where = status["diverged"]
        reached = f"; best before: validation {metric} {best[metric]:.4f} (epoch {best['epoch']})" if best else ""
        return f"{name}: diverged at epoch {where['epoch']}, step {where['step']}: {where['what']}{reached}"
    early = " (stopped early)" if status["stopped_early"] else ""
    return (
        f"{name}: test {metric} {status['test'][metric]:.4f} with the best weights "
        f"(epoch {best['epoch']}, validation {metric} {best[metric]:.4f}), "
        f"{status['test_last'][metric]:.4f} with the last (epoch {final['epoch']}{early}, "
        f"validation {metric} {final[metric]:.4f}); {status['seconds']['train']:.1f} s of training"
    )
