"""The contract of a task, checked for a class that is not this project's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from tasks.task import Task

MEANINGS = {"loss": "the mean", "metric_sum": "the sum"}  # of a batch, which the methods return


def check_task(task: type[Task]) -> None:
    """Raise ValueError for a metric or a direction that can't be, and for an __init__, which would not be called."""
    if task.better not in ("max", "min"):
        raise ValueError(f"its better={task.better!r} is neither 'max' nor 'min'")
    if not isinstance(task.metric, str) or not task.metric.isidentifier() or task.metric == "loss":
        raise ValueError(f"its metric={task.metric!r} is not a name, such as 'acc', which no other number of a run has")
    if inspect.isfunction(vars(task).get("__init__")) and "__dataclass_fields__" not in vars(task):
        raise ValueError(f"its class {task.__name__} has an __init__; write its keys as `margin: float = 1.0` instead")


def checked_methods(task: type[Task]) -> dict[str, Callable[..., Any]]:
    """The methods of MEANINGS, which raise ValueError for a result that is no 0-dim tensor."""
    return {name: checked(getattr(task, name), name) for name in MEANINGS}


def checked(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Task, *args: Any) -> Any:
        result = method(self, *args)
        if getattr(result, "shape", None) != ():
            found = f"shape {tuple(result.shape)}" if hasattr(result, "shape") else type(result).__name__
            raise ValueError(
                f"task={self.objective}: {name} returned {found}, not {MEANINGS[name]} over the batch as a 0-dim tensor"
            )
        return result

    return call
