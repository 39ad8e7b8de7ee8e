"""Record finished runs as a small file that is committed: docs/results/records/<experiment>.jsonl.

    python scripts/record.py outputs/mnist --experiment momo/mnist_mlp
    python scripts/record.py outputs --experiment momo/mnist_mlp task=mnist epochs=10 optim=adam,momo

A run of the same signature, code and seed replaces the file's; --replace starts the file anew. `scripts/ledger.py`
then brings docs/reproduction.md up to date. Not recorded: runs that are not finished.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from report.commandline import split  # noqa: E402
from results.filters import select  # noqa: E402
from results.find import find, skipped_lines  # noqa: E402
from results.run import Run  # noqa: E402
from results.run_records import FOLDER, write_records  # noqa: E402
from results.status import is_finished  # noqa: E402
from results.streams import tolerate_streams  # noqa: E402
from results.typed import as_mapping, load_yaml  # noqa: E402

EXPERIMENTS = Path(__file__).resolve().parents[1] / "configs" / "experiment"


def main(argv: list[str]) -> int:
    """Write the file; return 0, or 2 after one line on what is wrong."""
    options = parser().parse_args(argv)
    try:
        return write(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("words", nargs="+", metavar="FOLDER | key=value[,value...]", help="folders of runs; filters")
    arguments.add_argument("--experiment", required=True, metavar="NAME", help="momo/mnist_mlp, ...")
    arguments.add_argument("--replace", action="store_true", help="drop what the file has")
    arguments.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help="docs/results/records")
    return arguments


def write(options: argparse.Namespace) -> int:
    folders, where = split(options.words)
    task = task_of(options.experiment)
    found = find(*folders)
    for line in skipped_lines(found.skipped):
        print(f"skipped: {line}", file=sys.stderr)
    runs = [run for run in select(found.runs, where) if is_finished(run.status, run.metric)]
    others = Counter(run.task for run in runs if run.task != task)
    if others or not runs:
        there = f"{', '.join(others)}; add task={task}" if others else "no finished run"
        raise ValueError(f"--experiment {options.experiment} is of task {task}; there: {there}")
    file = options.to / f"{options.experiment}.jsonl"
    if options.replace:
        file.unlink(missing_ok=True)
    total = write_records(file, options.experiment, runs)
    print(f"{file}: {total} runs, {len(runs)} of them now ({statuses(runs)}), {file.stat().st_size / 1000:.0f} kB")
    return 0


def statuses(runs: list[Run]) -> str:
    return ", ".join(f"{count} {ending}" for ending, count in sorted(Counter(run.ending for run in runs).items()))


def task_of(experiment: str) -> str:
    """The task that an experiment chooses; ValueError for an unknown one."""
    names = sorted(file.relative_to(EXPERIMENTS).with_suffix("").as_posix() for file in EXPERIMENTS.rglob("*.yaml"))
    if experiment not in names:
        raise ValueError(f"--experiment {experiment} is unknown; there are {', '.join(names)}")
    defaults = as_mapping(load_yaml(EXPERIMENTS / f"{experiment}.yaml", experiment), experiment)["defaults"]
    return next(str(each["override /task"]) for each in defaults if "override /task" in each)


if __name__ == "__main__":
    tolerate_streams()
    sys.exit(main(sys.argv[1:]))
