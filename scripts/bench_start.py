"""Seconds from a command to its answer, as whole processes.

    python scripts/bench_start.py [--rounds 9]

* first training step: `python main.py` until that step is done, against a bare script that imports torch, torchvision
  and hydra and builds one torch optimizer (what any such program pays).
* --help, --cfg job and a refused override.
Medians over rounds with [least, most]. Prints, judges nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable

from measure import ROOT, in_rounds, machine, parser, ratios, show, spread, timed

MAIN = str(ROOT / "main.py")
BARE = "import hydra, torch, torchvision; torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)"
# Ends the process as soon as the first chunk of steps (one step: log.every=1) has come back.
FIRST_STEP = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from runner.cli.main import main
import runner.train.progress
check = runner.train.progress.Progress.check_divergence
def stop_after_first(*args): check(*args); os._exit(77)
runner.train.progress.Progress.check_divergence = stop_after_first
sys.argv = ['main.py']
main(['log.every=1', 'rerun=true'])
"""
COMMANDS = {  # name: arguments, the exit code that shows it did what is timed
    "bare script": (["-c", BARE], 0),
    "first training step": (["-c", FIRST_STEP], 77),
    "--help": ([MAIN, "--help"], 0),
    "--cfg job": ([MAIN, "--cfg", "job"], 0),
    "refused override": ([MAIN, "optim.lrr=1"], 2),
    "python -c pass": (["-c", "pass"], 0),
}


def main() -> None:
    rounds = parser(__doc__, rounds=9).parse_args().rounds
    show(f"{machine()}, {rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        times = in_rounds({name: case(*command, folder) for name, command in COMMANDS.items()}, rounds)
    for name, values in times.items():
        show(f"  {name:<22} {spread(values)} s")
    show(f"  first step / bare      {spread(ratios(times['first training step'], times['bare script']))}")


def case(arguments: list[str], code: int, folder: str) -> Callable[[], float]:
    def run() -> None:
        done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True)
        assert done.returncode == code, done.stderr.decode()

    return lambda: timed(run)


if __name__ == "__main__":
    main()
