"""status.json: where a run stands, and its results."""

from __future__ import annotations

from typing import Any

FINISHED = ("done", "diverged")
STATUSES = (*FINISHED, "failed", "interrupted", "running")


def is_finished(status: dict[str, Any] | None, metric: str) -> bool:
    """Whether the content of status.json is a finished run's, with all results that can be shown."""
    if status is None or status.get("status") not in FINISHED:
        return False
    if status["status"] == "diverged":
        return "diverged" in status
    return all(metric in (status.get(key) or {}) for key in ("best", "final", "test", "test_last"))


def result_text(status: dict[str, Any], metric: str) -> str:
    """A finished run's result in one line."""
    best, final = status["best"], status["final"]
    if status["status"] == "diverged":
        where = status["diverged"]
        reached = f"; best before: validation {metric} {best[metric]:.4f} (epoch {best['epoch']})" if best else ""
        return f"diverged at epoch {where['epoch']}, step {where['step']}: {where['what']}{reached}"
    early = " (stopped early)" if status["stopped_early"] else ""
    return (
        f"test {metric} {status['test'][metric]:.4f} with the best weights "
        f"(epoch {best['epoch']}, validation {metric} {best[metric]:.4f}), "
        f"{status['test_last'][metric]:.4f} with the last (epoch {final['epoch']}{early}, "
        f"validation {metric} {final[metric]:.4f}); {status['seconds']['train']:.1f} s of training"
    )
