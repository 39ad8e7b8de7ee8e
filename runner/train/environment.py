"""The environment of a run, for environment.json: code, packages, machine, command line."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "torchvision", "hydra-core", "omegaconf", "numpy", "scikit-learn", "tensorboard")
MAX_DIFF_LENGTH = 200_000  # characters
#: run folders and data sets in the checkout are no changes of the code
LIST_UNTRACKED_CODE = ("ls-files", "--others", "--exclude-standard", "--", "*.py", "configs/*.yaml")
PROJECT = Path(__file__).resolve().parents[2]


def environment(device: str, processes: int, code: dict[str, str]) -> dict[str, Any]:
    """JSON-ready values; what is unknown is null.

    device: torch's name. processes: of the run. code: a hash of each source file that decides it (Config.code).
    """
    return {
        "time": now(),
        "command": shlex.join([sys.executable, *sys.orig_argv[1:]]),
        "git": (git := git_state()),
        "code": code,
        "sources": unrecorded_sources(code, git),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "device": device,
        "processes": processes,
        "device_name": device_name(device),
        "driver": nvidia_driver() if device.startswith("cuda") else None,
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
    """Commit and uncommitted changes of this project, or None outside of a git checkout.

    Cached: later changes are not part of the code that this process has loaded.
    """
    commit = command_output("git", "-C", str(PROJECT), "rev-parse", "HEAD")
    if commit is None:
        return None
    diff = command_output("git", "-C", str(PROJECT), "diff", "HEAD") or ""
    untracked = command_output("git", "-C", str(PROJECT), *LIST_UNTRACKED_CODE) or ""
    return {
        "commit": commit.strip(),
        "dirty": bool(diff or untracked),
        "diff": diff[:MAX_DIFF_LENGTH],
        "diff_cut": len(diff) > MAX_DIFF_LENGTH,
        "untracked": untracked.split("\n")[:-1],
    }


def unrecorded_sources(code: Iterable[str], git: dict[str, Any] | None) -> dict[str, str]:
    """The text of those source files that neither a commit nor the recorded changes hold."""
    unknown = code if git is None or git["diff_cut"] else set(code) & set(git["untracked"])
    return {path: (PROJECT / path).read_text(encoding="utf-8") for path in sorted(unknown)}


@functools.cache
def device_name(device: str) -> str | None:
    """The GPU's name, or the CPU's: from /proc/cpuinfo on Linux, elsewhere what `platform` knows."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), None)
    except OSError:
        return platform.processor() or None


@functools.cache
def nvidia_driver() -> str | None:
    found = command_output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return found.splitlines()[0] if found else None


def command_output(*command: str) -> str | None:
    """Standard output of a command; None if it is missing, fails or takes more than 10 s."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
