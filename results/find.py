"""Finding the runs below folders, and the reasons why other folders were skipped."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from results.files import MAX_BYTES, find_file_problem, read_file
from results.filters import select
from results.metrics import MAX_ROW_BYTES
from results.paths import CONFIG, ENVIRONMENT, METRICS, STATUS, SWEEP_TABLE, TIMINGS
from results.run import Run, read_run
from results.run_records import is_record_file, read_records
from results.status import has_numbers
from results.values import one_line

RUN_DEPTH = 4  # <task>/<label>/<signature>/seed=<n>


class Skipped(NamedTuple):
    """A folder that was skipped, and why, as the end of a sentence."""

    folder: Path
    reason: str


class Found(NamedTuple):
    runs: list[Run]
    skipped: list[Skipped]


def load_runs(*roots: Path | str, where: Sequence[str] = ()) -> list[Run]:
    """Every run below these folders that passes the filters, each once, in the folders' order.

    Raises FileNotFoundError for a missing root and ValueError for a filter that no run passes (results/filters.py).
    """
    return select(find(*roots).runs, where)


def find(*roots: Path | str) -> Found:
    """Every run below the roots, each once, and the folders that looked like one.

    roots: folders above runs, runs' own folders, sweeps' folders (outputs/sweeps/...), or files of records
    (docs/results/records/...). Of copies (one configuration and seed in two places) the newest stays. Raises
    FileNotFoundError for a missing root, and ValueError for a damaged file of records.
    """
    runs: list[Run] = []
    skipped: list[Skipped] = []
    visited: set[str] = set()
    for root in map(Path, roots):
        if not root.exists():
            raise FileNotFoundError(f"{root} is not there; give folders of runs, such as outputs/digits")
        if is_record_file(root):
            runs += read_records(root)
            continue
        for folder in candidates(root if root.is_dir() else root.parent, visited):
            entry = read_with_retry(folder)
            (runs if isinstance(entry, Run) else skipped).append(entry)  # type: ignore[arg-type]
    kept, copies = without_copies(runs)
    return Found(kept, skipped + copies)


def candidates(root: Path, visited: set[str]) -> Iterator[Path]:
    """Folders that are or might be runs', in the order of their names. visited: real paths, added to."""
    for sweep in sorted({*root.glob(SWEEP_TABLE), *root.glob(f"*/{SWEEP_TABLE}")}):
        for folder in folders_of_sweep(sweep):
            if (real := os.path.realpath(folder)) not in visited:
                visited.add(real)
                yield folder
    yield from candidates_below(root, visited)


def candidates_below(root: Path, visited: set[str]) -> Iterator[Path]:
    """Follows links, and enters no folder twice, so that a circle of links ends."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        if (real := os.path.realpath(folder)) in visited:
            continue
        visited.add(real)
        try:
            with os.scandir(folder) as entries:
                found = {entry.name: entry.is_dir() for entry in entries}
        except OSError:
            continue
        if {CONFIG, STATUS, METRICS} & found.keys():
            yield folder
        if {CONFIG, STATUS} <= found.keys():
            continue  # checkpoints and the like are no runs
        below = sorted(name for name, is_folder in found.items() if is_folder and name[0] != ".")
        waiting += [folder / name for name in reversed(below)]


def folders_of_sweep(file: Path) -> list[Path]:
    """The run folders that a sweep.csv names: from where the sweep was started, or below its outputs.

    What is no path of a run's folder is left out: whoever wrote it, no other folder is searched for its sake.
    """
    try:
        text = io.StringIO(read_file(file).decode(), newline="")
        names = [Path(row["folder"]) for row in csv.DictReader(text) if row.get("folder")]
    except (OSError, ValueError, csv.Error):
        return []
    outputs = Path(os.path.abspath(file)).parents[2]
    folders = []
    for name in names:
        if len(name.parts) < RUN_DEPTH or not re.fullmatch(r"seed=\d+", name.name) or not str(name).isprintable():
            continue
        places = [outputs / Path(*name.parts[-RUN_DEPTH:]), *(above / name for above in outputs.parents), name]
        folders.append(next((place for place in places if os.path.exists(place)), places[0]))
    return folders


def read_with_retry(folder: Path) -> Run | Skipped:
    """The run of a folder, or why there is none. A damaged status that was just written is read once more."""
    entry = read_or_skip(folder)
    if isinstance(entry, Skipped) and was_just_written(folder / STATUS):
        time.sleep(0.05)
        entry = read_or_skip(folder)
    return entry


def was_just_written(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime < 1
    except OSError:
        return False


def read_or_skip(folder: Path) -> Run | Skipped:
    if not os.path.exists(folder):
        return Skipped(folder, "named by a sweep, but not there: not begun, or removed")
    if missing := [name for name in (CONFIG, STATUS) if not (folder / name).exists()]:
        return Skipped(folder, f"no {missing[0]}: no run, or one that has not begun")
    try:
        run = read_run(folder)
        problem = find_problem(run.status) or find_unreadable(folder)
    except ValueError as error:
        return Skipped(folder, one_line(str(error)))
    except OSError as error:
        return Skipped(folder, f"can't be read ({error.strerror})")
    return Skipped(folder, problem) if problem else run


def find_unreadable(folder: Path) -> str:
    """Why a file that is read later, when it is asked for, can't be; empty if all can, or are missing."""
    for name, most in ((METRICS, MAX_ROW_BYTES), (TIMINGS, MAX_ROW_BYTES), (ENVIRONMENT, MAX_BYTES)):
        with contextlib.suppress(FileNotFoundError):
            if problem := find_file_problem(folder / name, most):
                return problem
    return ""


def find_problem(status: dict[str, Any]) -> str:
    """What a run that is done lacks; empty if nothing."""
    if status["status"] == "done":
        missing = [key for key in ("best", "final", "test") if not has_numbers(status.get(key), status["metric"])]
        if missing:
            return f"{STATUS} says done without {status['metric']} in {' and '.join(missing)}"
    return ""


def without_copies(runs: list[Run]) -> tuple[list[Run], list[Skipped]]:
    """Of each configuration and seed the newest run; the older ones are skipped."""
    newest: dict[tuple[str, str, int], Run] = {}
    for run in runs:
        key = run.task, run.signature, run.seed
        newest[key] = max(newest[key], run, key=start_and_update_time) if key in newest else run
    kept, copies = [], []
    for run in runs:
        winner = newest[run.task, run.signature, run.seed]
        if run is winner:
            kept.append(run)
        else:
            copies.append(Skipped(run.folder, f"the same configuration and seed as {winner.folder}, which is newer"))
    return kept, copies


def start_and_update_time(run: Run) -> tuple[float, float]:
    """When a run was started and when its status was last written, in seconds since 1970."""
    try:
        started = datetime.fromisoformat(run.environment["time"]).timestamp()
    except (KeyError, TypeError, ValueError):
        started = 0.0
    try:
        return started, (run.folder / STATUS).stat().st_mtime
    except OSError:
        return started, 0.0


def skipped_lines(skipped: list[Skipped], most: int = 10) -> list[str]:
    """A line for each skipped folder, at most so many, and a count of the rest."""
    lines = [one_line(f"{entry.folder}: {entry.reason}") for entry in skipped[:most]]
    return [*lines, f"and {len(skipped) - most} more"] if len(skipped) > most else lines
