"""What a table or figure costs: the runs of its grids, and hours from the measured step or from operations.

Two machines are named: this CPU, two cores at half the speed of a large product there (docs/results/speed.md), and one
NVIDIA A100 at 30 % of its 19.5 TFLOP/s in float32. Both shares are assumptions, and small networks reach less on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from report.ledger.entries import Entry
from results.run import Run
from results.typed import load_yaml

CPU_FLOPS, CPU_SHARE = 135e9, 0.5
GPU_FLOPS, GPU_SHARE = 19.5e12, 0.3


@dataclass(frozen=True)
class Cost:
    """runs: of the published grid. operations: of all runs together. cpu_hours: measured, if measured_step, a step's
    seconds in a record, is known; else estimated. gpu_hours: always estimated."""

    runs: int
    operations: float
    cpu_hours: float
    gpu_hours: float
    measured_step: float | None


def cost(entry: Entry, costs: Mapping[str, Mapping[str, Any]], runs: Sequence[Run]) -> Cost | None:
    """The cost of all runs of an entry; None where it is not known, as with toys. runs: recorded ones."""
    known = costs.get(entry.cost or entry.experiment)
    if known is None:
        return None
    count, epochs = grid_size(entry, entry.epochs or known["epochs"])
    operations = known["flops_per_sample"] * known["samples"] * epochs
    step = step_seconds(runs)
    cpu = operations / (CPU_FLOPS * CPU_SHARE)
    if step is not None and "steps" in known:
        cpu = step * known["steps"] * epochs / known["epochs"]
    return Cost(count, operations, cpu / 3600, operations / (GPU_FLOPS * GPU_SHARE) / 3600, step)


def grid_size(entry: Entry, epochs: float) -> tuple[int, float]:
    """The number of runs of an entry's grids, and of epochs of all of them; a grid may set its own epochs."""
    if not entry.grids:
        count = max(entry.runs, 1)
        return count, count * epochs
    grids = [grid for file in entry.grids for grid in load_yaml(file, file.name)]
    counts = [math.prod(len(as_list(values)) for values in grid.values()) for grid in grids]
    lengths = [float(as_list(grid.get("epochs", epochs))[0]) for grid in grids]
    return sum(counts), sum(n * each for n, each in zip(counts, lengths, strict=True))


def as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def step_seconds(runs: Sequence[Run]) -> float | None:
    """The mean seconds of a training step of recorded runs; None without any."""
    timed = [run for run in runs if (run.status.get("seconds") or {}).get("train") and run.status.get("steps_done")]
    steps = sum(run.status["steps_done"] for run in timed)
    return sum(run.status["seconds"]["train"] for run in timed) / steps if steps else None


def hours_text(hours: float) -> str:
    """`4 s`, `12 min`, `3.5 h`, `410 h`."""
    if hours < 1 / 60:
        return f"{max(1, round(hours * 3600))} s"
    if hours < 1:
        return f"{round(hours * 60)} min"
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours, 1 - math.ceil(math.log10(hours)) + 1):,.0f} h"
