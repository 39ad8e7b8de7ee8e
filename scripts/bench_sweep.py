"""Runs per hour of a sweep by launcher: stacked in each of its forms, one after another, and parallel processes.

    python scripts/bench_sweep.py [--cases digits,mlp,autoencoder] [--runs 8,32,128] [--rounds 3] [--processes 2]

Each round runs the same R runs (learning rates and seeds differ) by every launcher in turn, in this process, each into
an empty folder: set-up, training, tests, figures and files included, the import of torch and what is compiled once not.
Figures are medians over rounds with [least, most]; a ratio is within a round, to one run after another. "training" is
the ratio of the seconds of training alone, as the runs recorded them; of processes, divided by how many there are.
"auto" chooses by a trial, which is part of its time. Where R is larger than --measured, runs one after another and in
processes are timed on that many and scaled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from main import CALLBACKS  # noqa: E402
from runner.config.compose import compose  # noqa: E402
from runner.config.validate import validate  # noqa: E402
from runner.sweep.local import places, run_parallel  # noqa: E402
from runner.sweep.plan import TODO, Job  # noqa: E402
from runner.sweep.run_job import run_sequentially  # noqa: E402
from runner.sweep.stacked.launcher import Stacked  # noqa: E402
from runner.train.environment import device_name  # noqa: E402

IMAGES = ["data=synthetic", "++data.sample_shape=[1,28,28]"]
CASES = {
    "digits": ("digits, MLP 64-128-64-10, 30 epochs", ["task=digits", "optim=momentum"]),
    "mlp": (
        "MLP 784-64-10 on 12,800 synthetic images, 2 epochs",
        [*("task=mnist", "model=mlp", "optim=momentum", "++epochs=2", "++data.num_train=14222"), *IMAGES],
    ),
    "autoencoder": (
        "autoencoder 784-1000-500-250-30 on 2,000 synthetic images, 1 epoch",
        [*("task=autoencoder", "optim=momentum", "++epochs=1", "++data.num_train=2222"), *IMAGES],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="digits,mlp,autoencoder")
    parser.add_argument("--runs", default="8,32,128")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--measured", type=int, default=32, help="most runs to time one after another")
    parser.add_argument("--forms", default="vmap,compile,auto", help="of the stacked program")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    print(f"{device_name(options.device)}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for case in options.cases.split(","):
        for runs in map(int, options.runs.split(",")):
            compare(case, runs, options)


def compare(case: str, runs: int, options: argparse.Namespace) -> None:
    title, words = CASES[case]
    few = min(runs, options.measured)
    where = places(options.processes, 1, options.device, None)
    ways: dict[str, tuple[int, Callable[[Sequence[Job]], int]]] = {
        "one after another": (few, lambda jobs: run_sequentially(jobs, nothing, CALLBACKS)),
        f"{options.processes} processes": (few, lambda jobs: run_parallel(jobs, nothing, where, CALLBACKS)),
        **{f"stacked, {form}": (runs, stacked(form)) for form in options.forms.split(",")},
    }
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(options.rounds + 1):
        for way, (count, run) in ways.items():
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
                jobs = jobs_of(words, count, folder, options.device)
                start = time.perf_counter()
                run(jobs)
                spent = (time.perf_counter() - start) / count
                done = len(list(Path(folder).rglob("curves.png")))
                training = training_s(Path(folder)) / count
            assert done == count, f"{way}: {done} of {count} runs have ended"
            if number:  # the first round warms up and compiles
                seconds[way].append((spent, training / options.processes if "processes" in way else training))
    print(f"\n{title}; {runs} runs ({options.rounds} rounds)")
    for way, each in seconds.items():
        ratios = [
            [a / b for a, b in zip(*pair, strict=True)] for pair in zip(seconds["one after another"], each, strict=True)
        ]
        whole, training = (spread([ratio[i] for ratio in ratios], 2) for i in (0, 1))
        print(
            f"  {way:<20} {spread([3600 / s for s, _ in each], 0):>25} runs an hour   {whole} x   training {training} x"
        )


def training_s(folder: Path) -> float:
    """Seconds of training that all runs have recorded."""
    return sum(json.loads(file.read_text())["seconds"]["train"] for file in folder.rglob("status.json"))


def stacked(form: str) -> Callable[[Sequence[Job]], int]:
    return lambda jobs: Stacked(form, None, lambda text: print(text, file=sys.stderr)).run(jobs, nothing, CALLBACKS)


def nothing(*_: object) -> None:
    pass


def jobs_of(words: list[str], count: int, folder: str, device: str) -> list[Job]:
    """Learning rates around 0.01, a seed for every eight of them."""
    quiet = ["++logger=[]", f"++outputs={folder}", f"++device={device}"]
    base = compose(*words, *quiet)
    jobs = []
    for number in range(count):
        raw = {**base, "seed": number // 8, "optim": {**base["optim"], "lr": 0.001 * 1.5 ** (number % 8)}}
        jobs.append(Job(number, (), TODO, validate(raw)))
    return jobs


def spread(values: list[float], digits: int) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"


if __name__ == "__main__":
    main()
