"""The environment of a run, for environment.json: code, packages, machine, command line."""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib.metadata
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from typing import Any

import torch

from results.values import first_line, one_line
from runner.config.source_code import PROJECT, source_text

PACKAGES = ("torch", "torchvision", "hydra-core", "omegaconf", "numpy", "scikit-learn", "tensorboard")
MAX_DIFF_LENGTH = 200_000  # characters
MAX_OUTPUT = 2_000_000  # bytes of a command's output
TIMEOUT_S = 10.0  # of a command
#: run folders and data sets in the checkout are no changes of the code
LIST_UNTRACKED_CODE = ("ls-files", "--others", "--exclude-standard", "--", "*.py", "configs/*.yaml")


def environment(
    device: str, processes: int, code: dict[str, str], on_problem: Callable[[str], object]
) -> dict[str, Any]:
    """JSON-ready values; what is unknown is null.

    device: torch's name. processes: of the run. code: a hash of each source file that decides it (Config.code).
    on_problem: called with a line on each value that could not be found out, which is no reason for a run to fail.
    """

    def find(name: str, probe: Callable[[], Any], otherwise: Any = None) -> Any:
        try:
            return probe()
        except Exception as error:  # of any kind: a damaged installation, a driver, a foreign file
            on_problem(f"not recorded: {name} ({first_line(error)})")
            return otherwise

    git, problem = git_state()
    if problem:
        on_problem(f"not recorded: git ({problem})")
    on_cuda = device.startswith("cuda")
    return {
        "time": now(),
        "command": shlex.join([sys.executable, *sys.orig_argv[1:]]),
        "git": git,
        "code": code,
        "sources": find("sources", lambda: unrecorded_sources(code, git), {}),
        "python": platform.python_version(),
        "packages": {name: find(name, lambda name=name: version(name)) for name in PACKAGES},
        "device": device,
        "processes": processes,
        "device_name": find("the device's name", lambda: device_name(device)),
        "driver": find("the driver", nvidia_driver) if on_cuda else None,
        "cuda": torch.version.cuda if on_cuda else None,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "platform": find("the platform", platform.platform),
        "host": find("the host", platform.node),
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
def git_state() -> tuple[dict[str, Any] | None, str]:
    """Commit and uncommitted changes of this project, or None; and why they are not known, in one line.

    Outside of a checkout there is nothing to know. Cached: later changes are not part of the code that this process
    has loaded.
    """
    if not any((folder / ".git").exists() for folder in (PROJECT, *PROJECT.parents)):
        return None, ""
    try:
        commit = command_output("git", "-C", str(PROJECT), "rev-parse", "HEAD")
    except CommandError as error:
        return None, str(error)
    diff, untracked, problem = "", "", ""
    try:
        diff = command_output("git", "-C", str(PROJECT), "diff", "--no-ext-diff", "--no-color", "HEAD")
        untracked = command_output("git", "-C", str(PROJECT), *LIST_UNTRACKED_CODE)
    except CommandError as error:
        problem = f"uncommitted changes: {error}"
    return {
        "commit": commit.strip(),
        "dirty": None if problem else bool(diff or untracked),
        "diff": diff[:MAX_DIFF_LENGTH],
        "diff_cut": bool(problem) or len(diff) > MAX_DIFF_LENGTH,
        "untracked": untracked.split("\n")[:-1],
    }, problem


def unrecorded_sources(code: Iterable[str], git: dict[str, Any] | None) -> dict[str, str]:
    """The text of those source files that neither a commit nor the recorded changes hold: git ignores plugins/."""
    files = {path for path in code if (PROJECT / path).is_file()}  # the others are packages
    if git and not git["diff_cut"]:
        files &= {*git["untracked"], *(path for path in files if path.startswith("plugins/"))}
    return {path: source_text(PROJECT / path) for path in sorted(files)}


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


class CommandError(Exception):
    """A command is missing, fails or takes too long."""


def command_output(*command: str) -> str:
    """The first MAX_OUTPUT bytes of a command's standard output. Raises CommandError with the reason in a line."""
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages, start_new_session=True
            )
        except OSError as error:
            raise CommandError(f"{command[0]}: {error.strerror}") from None
        timer = threading.Timer(TIMEOUT_S, kill_group, [process])
        timer.start()
        assert process.stdout is not None
        with process.stdout as output:
            content = output.read(MAX_OUTPUT)
        if len(content) == MAX_OUTPUT:
            kill_group(process)
        failed = process.wait() and len(content) < MAX_OUTPUT
        timed_out = not timer.is_alive()
        timer.cancel()
        messages.seek(0)
        lines = messages.read(4096).decode("utf-8", "replace").splitlines()
    if timed_out:
        raise CommandError(f"{command[0]} took more than {TIMEOUT_S:g} s")
    if failed:
        raise CommandError(one_line(lines[0] if lines else f"{command[0]} failed with exit code {process.returncode}"))
    return content.decode("utf-8", "replace")


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it has started, which may hold its output open."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
