"""How the CPU cores and GPUs of this machine are divided over the runs that are in progress at a time."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """What one of the parallel processes may use: `threads` CPU threads, and one GPU (a CUDA device) or none."""

    threads: int
    gpu: str | None = None


def process_slots(n_jobs: int | None, jobs_per_gpu: int, device: str, threads: int | None) -> list[Slot]:
    """A slot for each process that runs at a time.

    n_jobs: how many; None: jobs_per_gpu for each GPU, without GPUs as many as the cores allow. threads: of each
    process; None: the cores, divided evenly.
    """
    gpus = [] if device in ("cpu", "mps") else available_gpus()
    count = n_jobs or (len(gpus) * jobs_per_gpu if gpus else max(1, available_cores() // (threads or 1)))
    threads = threads or max(1, available_cores() // count)
    return [Slot(threads, gpus[i % len(gpus)] if gpus else None) for i in range(count)]


def available_cores() -> int:
    """CPU cores that this process may use. On Linux fewer than the machine's where Slurm or taskset confines it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_gpus() -> list[str]:
    """CUDA devices that this process may use, found without starting CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu and gpu != "-1"]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return []
    return found.stdout.split() if found.returncode == 0 else []
