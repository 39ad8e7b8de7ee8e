"""Seconds from a command to its answer, as whole processes.

    python scripts/bench_start.py [--rounds 9]

* first step: `python main.py` until the first training step is done, against a bare script that imports torch,
  torchvision and hydra and builds one torch optimizer (what any such program pays).
* --help, --cfg job and a refused override.
The commands of a round follow one another; medians over rounds with [least, most]. Prints, judges nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAIN = Path(__file__).resolve().parent.parent / "main.py"
BARE = "import hydra, torch, torchvision; torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)"
# Ends the process as soon as the first chunk of steps (one step: log.every=1) has come back.
FIRST_STEP = f"""
import os, sys
sys.path.insert(0, {str(MAIN.parent)!r})
from runner.cli.main import main
import runner.train.progress
check = runner.train.progress.Progress.check_divergence
def stop_after_first(*args): check(*args); os._exit(77)
runner.train.progress.Progress.check_divergence = stop_after_first
sys.argv = ['main.py']
main(['log.every=1', 'rerun=true'])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    commands = {  # name: arguments, the exit code that shows it did what is timed
        "bare script": (["-c", BARE], 0),
        "first training step": (["-c", FIRST_STEP], 77),
        "--help": ([str(MAIN), "--help"], 0),
        "--cfg job": ([str(MAIN), "--cfg", "job"], 0),
        "refused override": ([str(MAIN), "optim.lrr=1"], 2),
        "python -c pass": (["-c", "pass"], 0),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):  # the first fills the caches
            for name, (command, code) in commands.items():
                start = time.perf_counter()
                done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True)
                assert done.returncode == code, done.stderr.decode()
                if turn:
                    times[name].append(time.perf_counter() - start)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds")
    for name, values in times.items():
        print(f"  {name:<22} {spread(values)} s")
    ratios = [a / b for a, b in zip(times["first training step"], times["bare script"], strict=True)]
    print(f"  first step / bare      {spread(ratios)}")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    main()
