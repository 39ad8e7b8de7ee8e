"""Finding the runs in folders, and saying why others were passed over."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from results.run import Run, read

MARKS = {"config.yaml", "status.json", "metrics.jsonl"}  # a folder with any of these is, or might be, a run's
ENDINGS = ("done", "diverged", "failed", "interrupted", "running")


class Skipped(NamedTuple):
    """A folder that was passed over, and why, as the end of a sentence."""

    folder: Path
    reason: str


class Found(NamedTuple):
    runs: list[Run]
    skipped: list[Skipped]


def find(*roots: Path | str) -> Found:
    """Every run below the roots, each once, and the folders that looked like one.

    A run's folder that is reached twice counts once. Of copies (one configuration and seed in two places) the newest
    stays. Raises FileNotFoundError for a root that is not there.
    """
    runs: list[Run] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for root in map(Path, roots):
        if not root.exists():
            raise FileNotFoundError(f"{root} is not there; give folders of runs, such as outputs/digits")
        for folder in candidates(root if root.is_dir() else root.parent, seen):
            entry = attempt(folder)
            (runs if isinstance(entry, Run) else skipped).append(entry)  # type: ignore[arg-type]
    kept, copies = without_copies(runs)
    return Found(kept, skipped + copies)


def candidates(root: Path, seen: set[str]) -> Iterator[Path]:
    """Folders that are or might be runs', in the order of their names; seen: real paths that were visited already."""
    for sweep in sorted({*root.glob("sweep.csv"), *root.glob("*/sweep.csv")}):
        for folder in swept(sweep):
            yield from below(folder, seen)
    yield from below(root, seen)


def below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Links are followed, and no folder is entered twice, so that a circle of links ends."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        found = {}
    names = MARKS & found.keys()
    if names or not folder.exists():
        yield folder
    if {"config.yaml", "status.json"} <= names:
        return  # checkpoints and the like are no runs
    for name in sorted(name for name, is_folder in found.items() if is_folder and name[0] != "."):
        yield from below(folder / name, seen)


def swept(file: Path) -> list[Path]:
    """The folders of a sweep's runs, as its sweep.csv names them: from where it was started, or below its outputs."""
    import csv

    try:
        with open(file, encoding="utf-8", newline="") as text:
            named = [row["folder"] for row in csv.DictReader(text) if row.get("folder")]
    except (OSError, ValueError, csv.Error):
        return []
    outputs = Path(os.path.abspath(file)).parent.parent.parent
    folders = []
    for name in named:
        places = [outputs / Path(*Path(name).parts[-4:]), *(above / name for above in outputs.parents), Path(name)]
        folders.append(next((place for place in places if place.exists()), places[0]))
    return folders


def attempt(folder: Path) -> Run | Skipped:
    """The run of a folder, or why there is none. A status that is damaged right after it was written is read again."""
    entry = read_or_say(folder)
    if isinstance(entry, Skipped) and just_written(folder / "status.json"):
        time.sleep(0.05)
        entry = read_or_say(folder)
    return entry


def just_written(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime < 1
    except OSError:
        return False


def read_or_say(folder: Path) -> Run | Skipped:
    missing = [name for name in ("config.yaml", "status.json") if not (folder / name).exists()]
    if not folder.exists():
        return Skipped(folder, "named by a sweep, but not there: not begun, or removed")
    if missing:
        return Skipped(folder, f"no {missing[0]}: no run, or one that has not begun")
    try:
        run = read(folder)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return Skipped(folder, f"config.yaml is damaged{f' (line {mark.line + 1})' if mark else ''}")
    except UnicodeDecodeError:
        return Skipped(folder, "config.yaml is damaged (no text)")
    except (ValueError, RecursionError):
        return Skipped(folder, "status.json is damaged, or was being written")
    except OSError as error:
        return Skipped(folder, f"can't be read ({error.strerror})")
    reason = flaw(run.config, run.status)
    return Skipped(folder, reason) if reason else run


def flaw(config: Any, status: Any) -> str:
    """What keeps a folder's content from being a run; empty if nothing does."""
    if not isinstance(config, dict) or not isinstance(status, dict):
        return "not a run of this program"
    named = all(isinstance(config.get(key), dict) and "name" in config[key] for key in ("task", "optim"))
    if not named or not isinstance(config.get("seed"), int) or not isinstance(config["wrap"], dict):
        return "not a run of this program"
    if status.get("status") not in ENDINGS or not isinstance(status.get("metric"), str):
        return "status.json names no known status or no metric"
    if status["status"] == "done":
        lacking = [key for key in ("best", "final", "test") if not has_metric(status.get(key), status["metric"])]
        if lacking:
            return f"status.json says done without {status['metric']} in {' and '.join(lacking)}"
    return ""


def has_metric(result: Any, metric: str) -> bool:
    value = result.get(metric) if isinstance(result, dict) else None
    return isinstance(value, int | float) and math.isfinite(value)


def without_copies(runs: list[Run]) -> tuple[list[Run], list[Skipped]]:
    """The runs, of each configuration and seed the newest, and the older ones with that as the reason."""
    newest: dict[tuple[str, str, int], Run] = {}
    for run in runs:
        key = run.task, run.signature, run.seed
        newest[key] = max(newest[key], run, key=age) if key in newest else run
    kept, copies = [], []
    for run in runs:
        winner = newest[run.task, run.signature, run.seed]
        if run is winner:
            kept.append(run)
        else:
            copies.append(Skipped(run.folder, f"the same configuration and seed as {winner.folder}, which is newer"))
    return kept, copies


def age(run: Run) -> tuple[float, float]:
    """When a run was started and when it was last heard of, in seconds since 1970."""
    try:
        started = datetime.fromisoformat(run.environment["time"]).timestamp()
    except (KeyError, TypeError, ValueError):
        started = 0.0
    try:
        return started, (run.folder / "status.json").stat().st_mtime
    except OSError:
        return started, 0.0


def told(skipped: list[Skipped], most: int = 10) -> list[str]:
    """A line for each folder that was passed over, for a reader: at most so many and a count of the rest."""
    lines = [f"{entry.folder}: {entry.reason}" for entry in skipped[:most]]
    return [*lines, f"and {len(skipped) - most} more"] if len(skipped) > most else lines
