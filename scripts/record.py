"""Record finished runs as a small file that is committed: docs/results/records/<experiment>.jsonl.

    python scripts/record.py outputs/mnist --experiment momo/mnist_mlp
    python scripts/record.py outputs --experiment momo/mnist_mlp task=mnist epochs=10 optim=adam,momo

A run of the same signature, code and seed replaces the file's; --replace starts the file anew. `scripts/ledger.py`
then brings docs/reproduction.md up to date. Not recorded, and named: runs that are not finished, and those of another
task, data set, network or batch size than the experiment and its grids have.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from report.commandline import split  # noqa: E402
from report.comparable import is_in  # noqa: E402
from results.filters import select  # noqa: E402
from results.find import Skipped, find  # noqa: E402
from results.run import Run  # noqa: E402
from results.run_records import FOLDER, write_records  # noqa: E402
from results.signature import changes_results  # noqa: E402
from results.status import is_finished  # noqa: E402
from results.streams import tolerate_streams  # noqa: E402
from results.values import flat, format_value, one_line  # noqa: E402
from runner.cli.help import summaries  # noqa: E402
from runner.config.compose import CONFIGS, compose  # noqa: E402
from runner.config.validate import validate  # noqa: E402
from runner.sweep.grid_files import PAPER, has_grid, paper_files, read_grids  # noqa: E402

#: settings by which a run is one of an experiment; its length, optimizer and limits are free
DECIDING = ("task", "data", "model", "batch_size", "drop_last")


def main(argv: list[str]) -> int:
    """Write the file; return 0, or 2 after one line on what is wrong."""
    options = parser().parse_intermixed_args(argv)
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
    expected, free = settings_of(options.experiment), swept_keys(options.experiment)
    found = find(*folders)
    runs, skipped = [], list(found.skipped)
    for run in select(found.runs, where):
        reason = "not finished" if not is_finished(run.status, run.metric) else difference(run, expected, free)
        if reason:
            skipped.append(Skipped(run.folder, reason))
        else:
            runs.append(run)
    for reason, own in grouped(skipped).items():
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        print(one_line(f"skipped: {reason}: {own[0]}{more}"), file=sys.stderr)
    if not runs:
        raise ValueError(f"no finished run of experiment={options.experiment} in {' '.join(map(str, folders))}")
    file = options.to / f"{options.experiment}.jsonl"
    if options.replace:
        file.unlink(missing_ok=True)
    total = write_records(file, options.experiment, runs)
    count = f"{total} run{'s' if total > 1 else ''}"
    print(f"{file}: {count}, {len(runs)} of them now ({statuses(runs)}), {file.stat().st_size / 1000:.0f} kB")
    return 0


def grouped(skipped: list[Skipped]) -> dict[str, list[Path]]:
    """The folders by the reason why they are left out."""
    found: dict[str, list[Path]] = {}
    for folder, reason in skipped:
        found.setdefault(reason, []).append(folder)
    return found


def statuses(runs: list[Run]) -> str:
    return ", ".join(f"{count} {ending}" for ending, count in sorted(Counter(run.ending for run in runs).items()))


def settings_of(experiment: str) -> dict[str, Any]:
    """The settings of an experiment that a run of it has; ValueError for an unknown one."""
    if experiment not in (known := [name for name, _ in summaries(CONFIGS, "experiment")]):
        raise ValueError(f"--experiment {experiment} is unknown; there are {', '.join(known)}")
    every = flat(validate(compose(f"experiment={experiment}")).plain)
    return {key: value for key, value in every.items() if is_in(key, DECIDING) and changes_results(key)}


def swept_keys(experiment: str) -> set[str]:
    """The keys that the experiment's grids set: any value goes."""
    files = paper_files(PAPER, experiment) if has_grid(experiment) else []
    return {key.lstrip("+~") for file in files for grid in read_grids(file) for key in grid}


def difference(run: Run, expected: dict[str, Any], free: set[str]) -> str:
    """The first setting that makes a run one of another experiment; empty if there is none. A key that the run lacks
    is newer."""
    for key, value in expected.items():
        if not is_in(key, free) and key in run.settings and run.settings[key] != value:
            return f"another experiment: {key}={format_value(run.settings[key])}, not {format_value(value)}"
    return ""


if __name__ == "__main__":
    tolerate_streams()
    sys.exit(main(sys.argv[1:]))
