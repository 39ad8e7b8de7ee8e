"""Runs of the same configuration and seed by other code, whose folders lie beside a run's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.run import Run, read_run
from results.signature import signature


@dataclass(frozen=True)
class EarlierRun:
    """changed: the source files that decide the run and were different then; empty where that was not recorded."""

    run: Run
    changed: tuple[str, ...]

    def __str__(self) -> str:
        """One line for the console: what was run by other code, where it is, and how to resume it."""
        files = ", ".join(self.changed) or "the code"
        line = f"The code has changed since this was last run ({files}); "
        if self.run.ending in ("interrupted", "running"):
            epoch = self.run.status.get("epochs_done", 0)
            return f"{line}that run was interrupted after epoch {epoch} and is kept in {self.run.folder}."
        return f"{line}the earlier run is kept in {self.run.folder}."


def runs_by_other_code(folder: Path, config: Mapping[str, Any], code: Mapping[str, str]) -> list[EarlierRun]:
    """The runs beside `folder` (label/signature/seed=n) that differ from this one in their code only."""
    own, found = signature(config, {}), []
    for beside in sorted(folder.parent.parent.glob(f"*/{folder.name}")):
        if beside.parent != folder.parent and (run := read_quietly(beside)) and signature(run.config, {}) == own:
            found.append(EarlierRun(run, changed_files(run.code, code)))
    return found


def read_quietly(folder: Path) -> Run | None:
    try:
        return read_run(folder)
    except (OSError, ValueError):
        return None


def changed_files(code: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """The files whose hashes differ; empty if one of the two is not known."""
    if not code or not other:
        return ()
    return tuple(sorted(path for path in code.keys() | other.keys() if code.get(path) != other.get(path)))


def summarise(earlier: Iterable[EarlierRun]) -> str:
    """One line for a sweep: how many of its runs were run by other code; empty if none was."""
    earlier = list(earlier)
    if not earlier:
        return ""
    files = sorted({path for each in earlier for path in each.changed})
    changed = f" ({', '.join(files)})" if files else ""
    count = len({each.run.folder for each in earlier})
    return f"{count} earlier runs of these settings are of code that has changed since{changed}; they are kept."
