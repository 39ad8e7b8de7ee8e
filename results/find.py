"""Finding the runs below folders, and the reasons why other folders were skipped."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from results.filters import select
from results.paths import CONFIG, METRICS, STATUS, SWEEP_TABLE
from results.run import Run, read_run
from results.status import STATUSES


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

    roots: folders above runs, runs' own folders, or sweeps' folders (outputs/sweeps/...). Of copies (one configuration
    and seed in two places) the newest stays. Raises FileNotFoundError for a missing root.
    """
    runs: list[Run] = []
    skipped: list[Skipped] = []
    visited: set[str] = set()
    for root in map(Path, roots):
        if not root.exists():
            raise FileNotFoundError(f"{root} is not there; give folders of runs, such as outputs/digits")
        for folder in candidates(root if root.is_dir() else root.parent, visited):
            entry = read_with_retry(folder)
            (runs if isinstance(entry, Run) else skipped).append(entry)  # type: ignore[arg-type]
    kept, copies = without_copies(runs)
    return Found(kept, skipped + copies)


def candidates(root: Path, visited: set[str]) -> Iterator[Path]:
    """Folders that are or might be runs', in the order of their names. visited: real paths, added to."""
    for sweep in sorted({*root.glob(SWEEP_TABLE), *root.glob(f"*/{SWEEP_TABLE}")}):
        for folder in folders_of_sweep(sweep):
            yield from candidates_below(folder, visited)
    yield from candidates_below(root, visited)


def candidates_below(folder: Path, visited: set[str]) -> Iterator[Path]:
    """Follows links, and enters no folder twice, so that a circle of links ends."""
    real = os.path.realpath(folder)
    if real in visited:
        return
    visited.add(real)
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        found = {}
    if {CONFIG, STATUS, METRICS} & found.keys() or not folder.exists():
        yield folder
    if {CONFIG, STATUS} <= found.keys():
        return  # checkpoints and the like are no runs
    for name in sorted(name for name, is_folder in found.items() if is_folder and name[0] != "."):
        yield from candidates_below(folder / name, visited)


def folders_of_sweep(file: Path) -> list[Path]:
    """The run folders that a sweep.csv names: from where the sweep was started, or below its outputs."""
    try:
        with open(file, encoding="utf-8", newline="") as text:
            names = [row["folder"] for row in csv.DictReader(text) if row.get("folder")]
    except (OSError, ValueError, csv.Error):
        return []
    outputs = Path(os.path.abspath(file)).parents[2]
    folders = []
    for name in names:
        places = [outputs / Path(*Path(name).parts[-4:]), *(above / name for above in outputs.parents), Path(name)]
        folders.append(next((place for place in places if place.exists()), places[0]))
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
    if not folder.exists():
        return Skipped(folder, "named by a sweep, but not there: not begun, or removed")
    if missing := [name for name in (CONFIG, STATUS) if not (folder / name).exists()]:
        return Skipped(folder, f"no {missing[0]}: no run, or one that has not begun")
    try:
        run = read_run(folder)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return Skipped(folder, f"{CONFIG} is damaged{f' (line {mark.line + 1})' if mark else ''}")
    except UnicodeDecodeError:
        return Skipped(folder, f"{CONFIG} is damaged (no text)")
    except (ValueError, RecursionError):
        return Skipped(folder, f"{STATUS} is damaged, or was being written")
    except OSError as error:
        return Skipped(folder, f"can't be read ({error.strerror})")
    problem = find_problem(run.config, run.status)
    return Skipped(folder, problem) if problem else run


def find_problem(config: Any, status: Any) -> str:
    """Why the content of a folder is not that of a run; empty if it is."""
    if not isinstance(config, dict) or not isinstance(status, dict):
        return "not a run of this program"
    named = all(isinstance(config.get(key), dict) and "name" in config[key] for key in ("task", "optim"))
    if not named or not isinstance(config.get("seed"), int) or not isinstance(config["wrap"], dict):
        return "not a run of this program"
    if status.get("status") not in STATUSES or not isinstance(status.get("metric"), str):
        return f"{STATUS} names no known status or no metric"
    if status["status"] == "done":
        missing = [key for key in ("best", "final", "test") if not has_metric(status.get(key), status["metric"])]
        if missing:
            return f"{STATUS} says done without {status['metric']} in {' and '.join(missing)}"
    return ""


def has_metric(result: Any, metric: str) -> bool:
    value = result.get(metric) if isinstance(result, dict) else None
    return isinstance(value, int | float) and math.isfinite(value)


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
    lines = [f"{entry.folder}: {entry.reason}" for entry in skipped[:most]]
    return [*lines, f"and {len(skipped) - most} more"] if len(skipped) > most else lines
