"""Minutes of a suite's runs: in parallel processes, stacked, one after another in a process, and by a command each.

    python scripts/bench_suite.py [--suite quick] [--optimizers adam] [--ways local,basic,commands] [words ...]

Every way is the whole command with an empty folder: planning, tests, files and the page included. commands repeats the
runs of the first way by `python main.py config=FOLDER/config.yaml`, as a shell's loop would: every sixth (--every),
and its time is scaled to all. Each way is printed as it is done, with how many times faster it is than the
last of --ways; further words go to every run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measure import ROOT, machine, show

COMMANDS = "commands"


def main(argv: Sequence[str]) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--suite", default="quick")
    options.add_argument("--optimizers", default="adam")
    options.add_argument("--ways", default="local,basic,commands", help="launchers, and commands after one of them")
    options.add_argument("--every", type=int, default=6, help="of the runs, in the way commands")
    options.add_argument("words", nargs="*", default=["threads=1"])
    chosen = options.parse_args(argv)
    ways = chosen.ways.split(",")
    if ways[0] == COMMANDS:
        raise SystemExit("commands repeats the runs of another way, which --ways must name before it")
    show(f"{machine()}; suite={chosen.suite} optim={chosen.optimizers} {' '.join(chosen.words)}")
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for way in ways:
            outputs, part = Path(folder, way), 1
            if way == COMMANDS:
                files = sorted(Path(folder, ways[0]).rglob("seed=*/config.yaml"))
                commands = [[f"config={file}"] for file in files[:: chosen.every]]
                part = len(files) / len(commands)
            else:
                commands = [["-m", f"suite={chosen.suite}", f"optim={chosen.optimizers}", f"hydra/launcher={way}"]]
            seconds[way] = part * time_of([[*words, f"outputs={outputs}", *chosen.words] for words in commands])
            runs = [json.loads(file.read_text()) for file in outputs.rglob("seed=*/status.json")]
            training = part * sum(run["seconds"]["train"] for run in runs)
            show(f"  {way:<9} {seconds[way]:6.0f} s by {len(runs)} runs; training alone, as recorded: {training:.0f} s")
    for way, spent in seconds.items():
        show(f"  {way:<9} {seconds[ways[-1]] / spent:6.2f} times as fast as {ways[-1]}")


def time_of(commands: Sequence[Sequence[str]]) -> float:
    """Seconds of the commands, one after another."""
    start = time.perf_counter()
    for words in commands:
        done = subprocess.run([sys.executable, str(ROOT / "main.py"), *words], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1:])
