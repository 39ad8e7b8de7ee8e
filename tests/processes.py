"""Runs of the program in processes of their own, which tests can signal and kill.

They are forked from a server that has torch loaded, so that each starts in a fraction of a second. Where there is no
fork server (Windows), they are spawned.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from main import CALLBACKS, main
from runner.train.signals import unblock_signals

CONSOLE = "console.txt"
PRELOADED = ["torch", "hydra", "runner.train.build", "torch.utils.tensorboard", *CALLBACKS.preload]
if "forkserver" in multiprocessing.get_all_start_methods():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
else:
    context = multiprocessing.get_context("spawn")


def main_in_process(words: list[str], directory: str, console: str, variables: Mapping[str, str]) -> None:
    """Body of a process: the command, in this directory and with these environment variables."""
    if hasattr(os, "setsid"):
        os.setsid()  # a Ctrl-C in the terminal is for pytest
    unblock_signals()  # a fork server that a local sweep of this process has started blocks them
    os.environ |= variables
    os.chdir(directory)
    torch.set_num_threads(1)
    with open(console, "a", buffering=1) as file:
        sys.stdout = sys.stderr = file
        sys.argv = ["main.py"]
        code = main(words, CALLBACKS)
    os._exit(code)


def start(words: list[str], directory: Path, console: str = CONSOLE, **variables: str) -> BaseProcess:
    arguments = (words, str(directory), str(directory / console), variables)
    process = context.Process(target=main_in_process, args=arguments)
    process.start()
    return process


def run(words: list[str], directory: Path, timeout: float = 300, **variables: str) -> int | None:
    """Run to the end; return the exit code."""
    process = start(words, directory, **variables)
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise TimeoutError(printed(directory))
    return process.exitcode


def kill_after(seconds: float, words: list[str], directory: Path) -> int | None:
    """Kill the command after some seconds; return the exit code (it may have ended before)."""
    process = start(words, directory)
    process.join(seconds)
    process.kill()
    process.join(60)
    return process.exitcode


def wait_for_checkpoint(directory: Path) -> None:
    """Wait until a run below the directory has written one."""
    deadline = time.monotonic() + 60
    while not list(directory.rglob("last.pt")):
        time.sleep(0.02)
        if time.monotonic() > deadline:
            raise TimeoutError(printed(directory))


def send_signal(process: BaseProcess, number: int = signal.SIGTERM) -> int | None:
    """Signal a process; return its exit code."""
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(60)
    return process.exitcode


def printed(directory: Path, console: str = CONSOLE) -> str:
    """What the processes of a directory have printed."""
    return (directory / console).read_text()
