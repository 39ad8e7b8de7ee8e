"""What the benchmarks share: options, rounds of interleaved measurements, and how figures are printed."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from runner.train.environment import device_name  # noqa: E402

T = TypeVar("T")


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, help=f"measurements of each case ({rounds})")
    return made


def show(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def machine(device: str = "cpu") -> str:
    """What the figures were measured on."""
    torch = importlib.metadata.version("torch")
    python = platform.python_version()
    return f"{device_name(device)}, {os.cpu_count()} cores, {platform.platform()}, Python {python}, torch {torch}"


def in_rounds(cases: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each case returned in each round; a round runs all cases, one after the other.

    A first round, which fills caches and compiles, is left out. Progress goes to stderr.
    """
    results: dict[str, list[T]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            start = time.perf_counter()
            result = case()
            step = f"round {number} of {rounds}" if number else "first run"
            print(f"  {step}, {name}: {time.perf_counter() - start:.2f} s", file=sys.stderr, flush=True)
            if number:
                results[name].append(result)
    return results


def timed(work: Callable[[], object], device: str = "cpu") -> float:
    """Seconds of work, until the device is done."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def wait(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def ratios(values: list[float], others: list[float]) -> list[float]:
    """Of each round."""
    return [a / b for a, b in zip(values, others, strict=True)]


def spread(values: list[float], digits: int = 2) -> str:
    """Median with [least, most]."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"
