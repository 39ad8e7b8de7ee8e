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
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from measure import in_rounds, machine, parser, ratios, show, spread

from main import CALLBACKS
from runner.config.compose import compose
from runner.config.validate import validate
from runner.sweep.local import run_parallel
from runner.sweep.plan import TODO, Job
from runner.sweep.run_job import run_sequentially
from runner.sweep.slots import process_slots
from runner.sweep.stacked.launcher import StackedSweep

Launcher = Callable[[Sequence[Job]], int]
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
    options = parser(__doc__, rounds=3)
    options.add_argument("--cases", default="digits,mlp,autoencoder")
    options.add_argument("--runs", default="8,32,128")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--measured", type=int, default=32, help="most runs to time one after another")
    options.add_argument("--forms", default="vmap,compile,auto", help="of the stacked program")
    options.add_argument("--device", default="cpu")
    chosen = options.parse_args()
    show(f"{machine(chosen.device)}, {torch.get_num_threads()} threads, {chosen.rounds} rounds")
    for case in chosen.cases.split(","):
        for runs in map(int, chosen.runs.split(",")):
            show(f"\n{CASES[case][0]}; {runs} runs")
            compare(CASES[case][1], runs, chosen)


def compare(overrides: list[str], runs: int, options: argparse.Namespace) -> None:
    """Run the same runs by every launcher in turn."""
    few, processes, device = min(runs, options.measured), options.processes, options.device
    slots = process_slots(processes, 1, device, None)
    cases = {
        "one after another": sweep(overrides, few, device, lambda jobs: run_sequentially(jobs, nothing, CALLBACKS)),
        f"{processes} processes": sweep(
            overrides, few, device, lambda jobs: run_parallel(jobs, nothing, slots, CALLBACKS), processes
        ),
        **{f"stacked, {form}": sweep(overrides, runs, device, stacked(form)) for form in options.forms.split(",")},
    }
    results = in_rounds(cases, options.rounds)
    whole, training = ({name: [pair[i] for pair in pairs] for name, pairs in results.items()} for i in (0, 1))
    for name in cases:
        per_hour = spread([3600 / s for s in whole[name]], 0)
        faster, in_training = (spread(ratios(each["one after another"], each[name])) for each in (whole, training))
        show(f"  {name:<20} {per_hour:>25} runs an hour   {faster} x   training {in_training} x")


def sweep(
    overrides: list[str], count: int, device: str, launch: Launcher, processes: int = 1
) -> Callable[[], tuple[float, float]]:
    """A case that returns seconds and seconds of training of a run; those of training divided by the processes."""

    def run() -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
            jobs = jobs_of(overrides, count, folder, device)
            start = time.perf_counter()
            launch(jobs)
            spent = time.perf_counter() - start
            done = len(list(Path(folder).rglob("curves.png")))
            assert done == count, f"{done} of {count} runs have ended"
            return spent / count, training_s(Path(folder)) / count / processes

    return run


def training_s(folder: Path) -> float:
    """Seconds of training that all runs have recorded."""
    return sum(json.loads(file.read_text())["seconds"]["train"] for file in folder.rglob("status.json"))


def stacked(form: str) -> Launcher:
    print_line = partial(print, file=sys.stderr)
    return lambda jobs: StackedSweep(nothing, CALLBACKS, form, print_line=print_line).run(jobs)


def nothing(*_: object) -> None:
    pass


def jobs_of(overrides: list[str], count: int, folder: str, device: str) -> list[Job]:
    """Learning rates around 0.01, a seed for every eight of them."""
    quiet = ["++logger=[]", f"++outputs={folder}", f"++device={device}"]
    base = compose(*overrides, *quiet)
    jobs = []
    for number in range(count):
        raw = {**base, "seed": number // 8, "optim": {**base["optim"], "lr": 0.001 * 1.5 ** (number % 8)}}
        jobs.append(Job(number, (), TODO, validate(raw)))
    return jobs


if __name__ == "__main__":
    main()
