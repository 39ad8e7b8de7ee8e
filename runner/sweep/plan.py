"""What a sweep will do, known before anything starts: which runs are done, which go on, which can't be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.files import read_json
from results.paths import LAST, STATUS
from results.status import is_finished
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.config.validate import validate

DONE, RESUME, TODO, REFUSED, REPEATED = "done", "to resume", "to do", "refused", "repeated"


@dataclass(frozen=True)
class Job:
    """One run of a sweep. `state`: done, to resume, to do, refused (config is None and `error` says why), or
    repeated (another job of the sweep has the same folder)."""

    number: int
    overrides: tuple[str, ...]
    state: str
    config: Config | None = None
    error: str = ""

    @property
    def folder(self) -> Path:
        assert self.config is not None
        return self.config.run_path


def plan(runs: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], dict[str, Any]]) -> list[Job]:
    """Compose and check every run, and see how far each has come. ConfigError from `compose` refuses its run only."""
    jobs, seen = [], set()
    for number, overrides in enumerate(runs):
        try:
            config = validate(compose(overrides))
        except ConfigError as error:
            jobs.append(Job(number, tuple(overrides), REFUSED, error=str(error)))
            continue
        folder = config.run_path
        state = REPEATED if folder in seen else state_of(config, folder)
        seen.add(folder)
        jobs.append(Job(number, tuple(overrides), state, config))
    return jobs


def state_of(config: Config, folder: Path) -> str:
    status = read_json(folder / STATUS)
    if is_finished(status, config.task.metric) and not config.settings.rerun:
        return DONE
    return RESUME if status and (folder / LAST).exists() else TODO


def summary(jobs: Sequence[Job]) -> str:
    """How many runs there are of each state, and why some can't be."""
    count = Counter(job.state for job in jobs)
    parts = [f"{count[state]} {state}" for state in (DONE, RESUME, TODO, REPEATED, REFUSED) if count[state]]
    lines = [f"{len(jobs)} run{'s' if len(jobs) != 1 else ''}: {', '.join(parts)}"]
    reasons = defaultdict(list)
    for job in jobs:
        if job.state == REFUSED:
            reasons[job.error].append(job)
    for error, refused in reasons.items():
        lines.append(f"refused: {shared(refused, jobs)}: {error}")
    if reasons:
        lines.append("Give each optimizer its own keys with a file of grids: sweep=NAME, see configs/sweep.")
    return "\n".join(lines)


def shared(refused: Sequence[Job], jobs: Sequence[Job]) -> str:
    """What the refused runs have in common that distinguishes them in the sweep: `4 runs with optim=momentum`."""
    common = set.intersection(*(set(job.overrides) for job in refused))
    everywhere = set.intersection(*(set(job.overrides) for job in jobs))
    words = [word.lstrip("+") for word in refused[0].overrides if word in common - everywhere]
    runs = f"{len(refused)} run{'s' if len(refused) != 1 else ''}"
    return f"{runs} with {' '.join(words)}" if words else runs
