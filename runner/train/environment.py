"""What a run ran on, for environment.json: code, packages, machine, command line."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "hydra-core", "omegaconf", "numpy", "scikit-learn", "tensorboard")
LONGEST_DIFF = 200_000  # characters of uncommitted changes kept
PROJECT = Path(__file__).resolve().parents[2]


def environment(device: str, processes: int = 1) -> dict[str, Any]:
    """Facts as JSON-ready values; what can't be found out is null."""
    import torch

    return {
        "time": now(),
        "command": shlex.join([sys.executable, *sys.orig_argv[1:]]),
        "git": git_state(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "device": device,
        "processes": processes,
        "device_name": device_name(device),
        "driver": driver() if device.startswith("cuda") else None,
        "cuda": torch.version.cuda if device.startswith("cuda") else None,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "host": platform.node(),
    }


def now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


@functools.cache
def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def git_state() -> dict[str, Any] | None:
    """Commit and uncommitted changes of this project as this process first saw them, which is the code that it runs;
    null where it is no git checkout."""
    commit = output("git", "-C", str(PROJECT), "rev-parse", "HEAD")
    if commit is None:
        return None
    diff = output("git", "-C", str(PROJECT), "diff", "HEAD") or ""
    untracked = output("git", "-C", str(PROJECT), "ls-files", "--others", "--exclude-standard") or ""
    return {
        "commit": commit.strip(),
        "dirty": bool(diff or untracked),
        "diff": diff[:LONGEST_DIFF],
        "diff_cut": len(diff) > LONGEST_DIFF,
        "untracked": untracked.split("\n")[:-1],
    }


@functools.cache
def device_name(device: str) -> str | None:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), None)
    except OSError:
        return platform.processor() or None


@functools.cache
def driver() -> str | None:
    found = output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return found.splitlines()[0] if found else None


def output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
