"""Seconds to read many runs, as the report does.

    python scripts/bench_report.py [--runs 1000] [--epochs 100] [--rounds 5]

Writes synthetic runs (5 optimizers, 5 seeds, as many learning rates as that takes) into a temporary folder and times
* find: every run's configuration and status;
* rows: also every row of every run;
* frames: report.load, the whole as pandas frames;
* report: scripts/report.py, with all its tables, figures and the page.
Each in a process of its own, the files in the system's cache; medians with [least, most]. Prints, judges nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
OPTIMIZERS, SEEDS = ("sgd", "momentum", "adam", "aggmo", "momo"), 5
TIMED = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
start = time.perf_counter()
{{}}
print(time.perf_counter() - start)
"""
PARTS = {
    "find": "from results.run import load; runs = load(sys.argv[1])",
    "rows": "from results.run import load; rows = [run.rows for run in load(sys.argv[1])]",
    "frames": "import report; frames = report.load(sys.argv[1])",
    "report": "import contextlib, io; from report.commandline import main\n"
    "with contextlib.redirect_stdout(io.StringIO()): assert main([sys.argv[1], '--out', sys.argv[1] + '-report']) == 0",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in PARTS}
    with tempfile.TemporaryDirectory() as parent:
        folder = str(Path(parent, "runs"))
        for number in range(arguments.runs):
            write_run(Path(folder), number, arguments.epochs)
        for turn in range(arguments.rounds + 1):  # the first fills the caches
            for name, part in PARTS.items():
                command = [sys.executable, "-c", TIMED.format(part), folder]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                if turn:
                    times[name].append(float(done.stdout))
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{arguments.runs} runs of {arguments.epochs} epochs, {arguments.rounds} rounds")
    for name, values in times.items():
        print(f"  {name:<8} {statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}] s")


def write_run(root: Path, number: int, epochs: int) -> None:
    """A run's folder with everything that the report reads, as long as a real one's."""
    setting, seed = divmod(number, SEEDS)
    optimizer, lr = OPTIMIZERS[setting % len(OPTIMIZERS)], 10 ** (-4 + 0.01 * (setting // len(OPTIMIZERS)))
    folder = root / "digits" / f"{optimizer},lr={lr:g}" / f"{setting:08x}" / f"seed={seed}"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config_of(optimizer, lr, seed, epochs), sort_keys=False))
    rows = [row for epoch in range(1, epochs + 1) for row in rows_of(epoch, lr, seed)]
    write_lines(folder / "metrics.jsonl", rows)
    clock = [{"epoch": e, "step": 11 * e, "train_s": 0.1 * e, "eval_s": 0.01 * e} for e in range(1, epochs + 1)]
    write_lines(folder / "timings.jsonl", clock)
    final = {"epoch": epochs, "step": 11 * epochs, "loss": rows[-1]["loss"], "acc": rows[-1]["acc"]}
    status = {"status": "done", "epochs_done": epochs, "metric": "acc", "better": "max", "seconds": {"train": 10.0}}
    results = dict.fromkeys(("best", "final", "test", "test_last"), final)
    (folder / "status.json").write_text(json.dumps({**status, **results}, indent=2))
    environment = {"git": {"commit": "0" * 40, "dirty": False}, "packages": {"torch": "0"}, "device": "cpu"}
    (folder / "environment.json").write_text(json.dumps(environment, indent=2))


def config_of(optimizer: str, lr: float, seed: int, epochs: int) -> dict[str, Any]:
    """As many keys as a real configuration has: configs/config.yaml's, and the groups'."""
    keys = yaml.safe_load((ROOT / "configs" / "config.yaml").read_text(encoding="utf-8"))
    schedule = {"name": "constant", "warmup": 0.0}
    groups = {
        "task": {"name": "digits", "objective": "classification"},
        "data": {"name": "digits", "root": "", "val_fraction": 0.2, "split": "random", "split_seed": 0},
        "model": {"name": "mlp", "hidden": [128, 64], "init": "default"},
        "optim": {"name": optimizer, "lr": lr, "weight_decay": 0.0, "lr_schedule": schedule},
        "wrap": {},
    }
    own = {key: value for key, value in keys.items() if key not in ("defaults", "hydra")}
    return {**groups, **own, "seed": seed, "epochs": epochs}


def rows_of(epoch: int, lr: float, seed: int) -> list[dict[str, Any]]:
    loss = math.exp(-lr * epoch) + 0.01 * seed
    place = {"epoch": epoch, "step": 11 * epoch, "loss": loss, "acc": 1 - 0.5 * loss, "lr": lr}
    return [
        {"split": split, **place, "per": per}
        for split, per in (("train", "step"), ("train", "epoch"), ("val", "epoch"))
    ]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
