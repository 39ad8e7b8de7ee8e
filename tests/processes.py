"""Runs of the program in processes of their own that can be killed: forked from a server that has torch loaded, so
that each starts in a fraction of a second. What is killed, resumed and compared is the real program."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import torch

PRELOADED = [
    "torch",
    "torch._dynamo",
    "hydra",
    "runner.cli.main",
    "runner.train.trainer",
    "torch.utils.tensorboard",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
]
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(PRELOADED)


def child(argv: list[str], cwd: str, out: str) -> None:
    os.setsid()
    os.chdir(cwd)
    torch.set_num_threads(1)
    with open(out, "a", buffering=1) as file:
        sys.stdout = sys.stderr = file
        sys.argv = ["main.py"]
        from runner.cli.main import main

        code = main(argv)
    os._exit(code)


def start(argv: list[str], cwd: Path):
    process = context.Process(target=child, args=(argv, str(cwd), str(cwd / "console.txt")))
    process.start()
    return process


def run(argv: list[str], cwd: Path, timeout: float = 300) -> int:
    """Run to the end; return the exit code."""
    process = start(argv, cwd)
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise TimeoutError((cwd / "console.txt").read_text())
    return process.exitcode


def run_and_signal(argv: list[str], cwd: Path, after_s: float, number: int = signal.SIGKILL) -> int:
    """Send a signal after so many seconds; return the exit code (the run may have ended before)."""
    process = start(argv, cwd)
    process.join(after_s)
    if process.is_alive():
        os.kill(process.pid, number)
    process.join(60)
    return process.exitcode


def seconds(argv: list[str], cwd: Path) -> float:
    begin = time.perf_counter()
    assert run(argv, cwd) == 0, (cwd / "console.txt").read_text()
    return time.perf_counter() - begin


def folder(cwd: Path) -> Path:
    """The one run folder below cwd/outputs."""
    (found,) = (cwd / "outputs").rglob("status.json")
    return found.parent


def status(cwd: Path) -> dict:
    return json.loads((folder(cwd) / "status.json").read_text())


def results(cwd: Path) -> dict:
    """All that must not depend on interruptions, comparable by ==."""
    run_folder = folder(cwd)
    kept = {key: value for key, value in status(cwd).items() if key != "seconds"}
    weights = {}
    for name in ("best", "last"):
        content = torch.load(run_folder / "checkpoints" / f"{name}.pt", weights_only=True)
        for key, tensor in content["model"].items():
            weights[f"{name}.{key}"] = tensor.numpy().tobytes()
        if name == "last":
            for index, state in content["optimizer"]["state"].items():
                for key, value in state.items():
                    weights[f"state.{index}.{key}"] = value.numpy().tobytes() if hasattr(value, "numpy") else value
    timings = [json.loads(line)["epoch"] for line in (run_folder / "timings.jsonl").read_text().splitlines()]
    return {
        "status": kept,
        "metrics": (run_folder / "metrics.jsonl").read_bytes(),
        "weights": weights,
        "board": board(run_folder),
        "timed epochs": timings,
    }


def board(run_folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of every event file, as TensorBoard's own reader has it, duplicates included."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(run_folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tensor.float_val:
                    found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return found
