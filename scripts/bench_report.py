"""Seconds to read many runs, as the report does.

    python scripts/bench_report.py [--runs 1000] [--epochs 100] [--rounds 5]

Writes synthetic runs (5 optimizers, 5 seeds, as many learning rates as that takes) into a temporary folder and times
* find: every run's configuration and status;
* rows: also every row of every run;
* frames: results.load, the whole as pandas frames;
* report: scripts/report.py, with all its tables, figures and the page.
Each in a process of its own, the files in the system's cache; medians with [least, most]. Prints, judges nothing.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from measure import ROOT, in_rounds, machine, parser, show, spread

OPTIMIZERS, SEEDS = ("sgd", "momentum", "adam", "aggmo", "momo"), 5
TIMED = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
start = time.perf_counter()
{{}}
print(time.perf_counter() - start)
"""
PARTS = {
    "find": "from results.find import load_runs; runs = load_runs(sys.argv[1])",
    "rows": "from results.find import load_runs; rows = [run.rows for run in load_runs(sys.argv[1])]",
    "frames": "import results; frames = results.load(sys.argv[1])",
    "report": "import contextlib, io; from report.commandline import main\n"
    "with contextlib.redirect_stdout(io.StringIO()): assert main([sys.argv[1], '--out', sys.argv[1] + '-report']) == 0",
}


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--epochs", type=int, default=100)
    chosen = options.parse_args()
    show(f"{machine()}, {chosen.rounds} rounds; {chosen.runs} runs of {chosen.epochs} epochs")
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "runs")
        for number in range(chosen.runs):
            write_run(folder, number, chosen.epochs)
        times = in_rounds({name: case(code, folder) for name, code in PARTS.items()}, chosen.rounds)
    for name, values in times.items():
        show(f"  {name:<8} {spread(values)} s")


def case(code: str, folder: Path) -> Callable[[], float]:
    """A process that prints its seconds, imports included."""
    command = [sys.executable, "-c", TIMED.format(code), str(folder)]
    return lambda: float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


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
