"""Record a suite's runs, small enough to be committed, and compute its targets from them.

    python scripts/record_suite.py outputs/suites/quick

writes docs/results/records/suite/<suite>/: suite.json and <task>.jsonl.gz, merged with what is there, and
prints a target for each task. The curves are kept of the settings that ran with every seed, and of validation only.

The target of a task is the value that half of the recorded optimizers reach with their best settings: the median over
optimizers of the best value of the mean curve over seeds, rounded to three digits.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report.scores.data import Task, Trial, best_settings, tried_settings  # noqa: E402
from report.scores.inputs import trials_of  # noqa: E402
from results.metrics import Row  # noqa: E402
from results.run import Run  # noqa: E402
from results.run_records import write_records  # noqa: E402
from results.status import is_finished  # noqa: E402
from results.streams import tolerate_streams  # noqa: E402
from results.suite import SuiteTask, read_suite  # noqa: E402
from results.suite_runs import RECORDED, SuiteRuns, read_suite_runs, write_manifest  # noqa: E402

DIGITS = 3  # of a target


@dataclass(frozen=True, eq=False)
class ShortRun(Run):
    """A run of which only these rows are recorded."""

    kept: Sequence[Row]

    @property
    def rows(self) -> list[Row]:  # type: ignore[override]
        return list(self.kept)


def main(argv: Sequence[str]) -> int:
    """Write the records; return 0, or 2 after one line on what is wrong."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="of suite.json: outputs/suites/<suite>")
    arguments.add_argument("--to", type=Path, default=RECORDED, help="where the records go")
    options = arguments.parse_args(argv)
    try:
        found = read_suite_runs(options.folder)
        print(record(found, options.to / Path(found.manifest.suite).stem))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def record(found: SuiteRuns, to: Path) -> str:
    """Write the records of a suite to a folder; return what was written, and the targets. Raises ValueError where the
    folder has records of a task that was defined otherwise, and without a finished run."""
    suite, lines = read_suite(found.manifest.suite), []
    write_manifest(to, replace(found.manifest, suite=to.name, runs={}))
    for name, task in suite.tasks.items():
        runs = [run for run in found.runs.get(name, ()) if is_finished(run.status, run.metric)]
        if not runs:
            continue
        file = to / f"{name}.jsonl.gz"
        total = write_records(file, f"suite/{to.name}/{name}", shortened(runs))
        trials = trials_of(read_suite_runs(to).runs[name], lambda _, name=name: name)
        target = format_target(target_of(name, task, trials))
        lines.append(f"{name}: {total} runs, {file.stat().st_size / 1000:.0f} kB; target: {target}")
    if not lines:
        raise ValueError("no run of the suite's tasks has ended")
    return "\n".join(lines)


def shortened(runs: Iterable[Run]) -> list[Run]:
    """With the rows of validation of the settings that have most seeds, and none of the others."""
    by_setting: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        by_setting[run.optimizer, run.signature].append(run)
    most: dict[str, int] = defaultdict(int)
    for (optimizer, _), own in by_setting.items():
        most[optimizer] = max(most[optimizer], len(own))
    return [
        ShortRun(run.folder, run.config, run.status, rows_of(run) if len(own) == most[optimizer] else [])
        for (optimizer, _), own in by_setting.items()
        for run in own
    ]


def rows_of(run: Run) -> list[Row]:
    kept = ("split", "per", "epoch", "step", "lr", run.metric)
    return [{key: row[key] for key in kept if key in row} for row in run.rows if row.get("split") == "val"]


def target_of(name: str, task: SuiteTask, trials: Sequence[Trial]) -> float:
    """The median over optimizers of the best value that the best setting's mean over seeds reaches."""
    scored = Task(name, task.better, None, task.near, task.log_scale, task.floor)
    reached = []
    for setting in best_settings(tried_settings([scored], trials))[name].values():
        curves = [{step: scored.loss(value) for step, value in trial.curve} for trial in setting.trials]
        common = set.intersection(*map(set, curves)) if curves else set()
        means = [statistics.fmean(curve[step] for curve in curves) for step in common]
        reached.append(min(means, default=math.inf))
    loss = statistics.median_high(reached)
    return 10**loss if task.log_scale else -loss if task.better == "max" else loss


def format_target(value: float) -> str:
    return f"{value:.{DIGITS}g}"


if __name__ == "__main__":
    tolerate_streams()
    sys.exit(main(sys.argv[1:]))
