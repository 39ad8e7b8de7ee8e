"""status.json: where a run stands, and its results."""

from __future__ import annotations

import math
from typing import Any

from results.values import format_metric, is_number, one_line

FINISHED = ("done", "diverged")
STOPPED = "stopped"  # before its last epoch, by a sweep that stops bad runs early; a later command may go on with it
STATUSES = (*FINISHED, STOPPED, "failed", "interrupted", "running")


def is_finished(status: dict[str, Any] | None, metric: str) -> bool:
    """Whether the content of status.json is a finished run's, with all results that can be shown."""
    if status is None or status.get("status") not in FINISHED:
        return False
    if status["status"] == "diverged":
        return bool(status.get("diverged")) and (not status.get("best") or has_numbers(status["best"], metric, "epoch"))
    validated = all(has_numbers(status.get(key), metric, "epoch") for key in ("best", "final"))
    tested = all(has_numbers(status.get(key), metric) for key in ("test", "test_last"))
    return validated and tested and has_numbers(status.get("seconds"), "train")


def has_numbers(result: Any, *keys: str) -> bool:
    """Whether a mapping has a finite number under each of the keys."""
    values = [result.get(key) if isinstance(result, dict) else None for key in keys]
    return all(is_number(value) and math.isfinite(value or 0) for value in values)


def stopped_text(status: dict[str, Any]) -> str:
    """`stopped at epoch 3 by halving`, of a run that was."""
    stopped = status.get("stopped") or {}
    by = f" by {stopped['by']}" if stopped.get("by") else ""
    return f"stopped at epoch {stopped.get('epoch', status.get('epochs_done', 0))}{by}"


def result_text(status: dict[str, Any], metric: str) -> str:
    """The result of a run that is finished or stopped, in one line."""
    best, final = status.get("best"), status.get("final")
    results = {which: status.get(which) or {} for which in ("best", "final", "test", "test_last")}
    text = {which: format_metric(result.get(metric)) for which, result in results.items()}
    if status["status"] == "diverged":
        where = status["diverged"]
        reached = f"; best before: validation {metric} {text['best']} (epoch {best['epoch']})" if best else ""
        return f"diverged at epoch {where['epoch']}, step {where['step']}: {one_line(where['what'])}{reached}"
    assert best and final
    if status["status"] == STOPPED:
        return f"{stopped_text(status)}; validation {metric} {text['best']} (epoch {best['epoch']})"
    early = " (stopped early)" if status.get("stopped_early") else ""
    averaging = status.get("averaging_from")
    averaged = f"weights averaged from epoch {averaging} on; " if averaging else ""
    return (
        f"test {metric} {text['test']} with the best weights "
        f"(epoch {best['epoch']}, validation {metric} {text['best']}), "
        f"{text['test_last']} with the last (epoch {final['epoch']}{early}, validation {metric} {text['final']}); "
        f"{averaged}{status['seconds']['train']:.1f} s of training"
    )
