"""Records of runs, small enough to be committed: docs/results/records/<experiment>.jsonl, a JSON object a line.

The first line holds what the runs share: `settings`, the parts of the configuration that are equal in all, and
`environments`: code, versions and hardware. Every other line is a run: its other settings, its seed, its results and
its rows of epochs, with six significant digits. Nothing names a path of the machine; keys that change no result are
left out. A file that ends in .jsonl.gz is compressed.

    read_records(Path("docs/results/records/momo/mnist_mlp.jsonl"))     runs, as results.find has them of folders
    write_records(path, experiment, runs)                               merged with what the file has
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from results.files import parse_json, read_file, write_atomic
from results.metrics import Row, is_row
from results.paths import METRICS, TIMINGS
from results.record_rows import epoch_columns, rounded, rows_of_columns, rows_of_step_values, step_values
from results.records import check_config, check_environment, check_status
from results.run import Run
from results.run_labels import code_of
from results.status import is_finished
from results.values import flat, quote

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "results" / "records"
MAX_BYTES = 2**26
PACKED = ".gz"

#: keys of a configuration that are no part of a record: they name places of a machine, or say how a run is shown
LEFT_OUT = ("outputs", "rerun", "logger", "log", "checkpoint", "device", "threads", "eval_batch_size", "seed")
LEFT_OUT_BELOW = {"data": ("root", "num_workers"), "branch": ("run",)}
STATUS_KEYS = (
    *("status", "metric", "better", "epochs_done", "steps_done", "best", "final", "test", "test_last", "diverged"),
    *("stopped_early", "averaging_from"),
)
MACHINE_PATH = re.compile(r"[/~\\]|[A-Za-z]:[\\/]")


@dataclass(frozen=True, eq=False)
class RecordedRun(Run):
    """A run of a record. `folder` is where it would be below the file's name; nothing is there."""

    line: Mapping[str, Any]
    recorded_environment: Mapping[str, Any]

    @cached_property
    def rows(self) -> list[Row]:
        epochs = [row for split, columns in self.line["epochs"].items() for row in rows_of_columns(split, columns)]
        return [*epochs, *rows_of_step_values(self.line.get("steps", ()))]

    @property
    def has_rows(self) -> bool:
        return bool(self.rows)

    @cached_property
    def timings(self) -> list[Row]:
        """Empty: records have no clock of epochs."""
        return []

    @cached_property
    def environment(self) -> dict[str, Any]:
        recorded = self.recorded_environment
        kept = {key: recorded[key] for key in recorded if key not in ("torch", "commit", "dirty")}
        git = {key: recorded[key] for key in ("commit", "dirty") if key in recorded}
        return {**kept, "time": self.line.get("date"), "packages": {"torch": recorded.get("torch")}, "git": git}


def record_names(folder: Path = FOLDER) -> list[str]:
    """The experiments that have records."""
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.jsonl"))


def is_record_file(path: Path) -> bool:
    return path.name.endswith((".jsonl", f".jsonl{PACKED}")) and path.name not in (METRICS, TIMINGS) and path.is_file()


def read_records(file: Path) -> list[Run]:
    """The runs of a file of records. Raises OSError, and ValueError, which names file and line, where it is damaged."""
    lines = read_lines(file)
    found: list[Run] = []
    shared: Any = None
    for number, text in enumerate(lines, 1):
        try:
            content = parse_json(text, "")
            if shared is None:
                shared = check_shared(content)
            else:
                found.append(recorded_run(file, shared, content))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{file}, line {number}: no record of a run ({what})") from None
    return found


def read_lines(file: Path) -> list[bytes]:
    content = read_file(file, MAX_BYTES)
    if file.suffix == PACKED:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # of gzip
        try:
            content = unpacker.decompress(content, MAX_BYTES)
        except zlib.error as error:
            raise ValueError(f"{file} is damaged ({error})") from None
        if not unpacker.eof:
            raise ValueError(f"{file} is damaged (it is cut, or longer than {MAX_BYTES:,} bytes)")
    return content.splitlines()


def check_shared(content: Any) -> Mapping[str, Any]:
    for environment in content["environments"]:
        check_environment({key: value for key, value in environment.items() if key not in ("torch", "commit", "dirty")})
    if not isinstance(content["settings"], dict):
        raise ValueError("settings is no mapping")
    return content


def recorded_run(file: Path, shared: Mapping[str, Any], line: Mapping[str, Any]) -> RecordedRun:
    config = check_config({**shared["settings"], **line["settings"], "seed": line["seed"]})
    folder = (
        file.with_name(file.name.removesuffix(PACKED).removesuffix(".jsonl"))
        / line["label"]
        / line["signature"]
        / f"seed={line['seed']}"
    )
    run = RecordedRun(folder, config, check_status(line["status"]), line, shared["environments"][line["environment"]])
    if not all(map(is_row, run.rows)):
        raise ValueError("a row has no numbers")
    return run


def write_records(file: Path, experiment: str, runs: Iterable[Run]) -> int:
    """Add runs to a file of records and return the number it has then. A run of the same signature, code and seed is
    replaced. Raises ValueError for a run that is not finished and for a setting that is a path of this machine.
    """
    entries = {}
    for run in [*(read_records(file) if file.exists() else []), *runs]:
        entries[run.setting, run.signature, code_of(run), run.seed] = record(run)
    ordered = [entries[key] for key in sorted(entries)]
    shared = {"experiment": experiment, **shared_parts(ordered)}
    lines = [json.dumps(each, ensure_ascii=False, allow_nan=False) for each in (shared, *ordered)]
    file.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    write_atomic(file, gzip.compress(content, mtime=0) if file.suffix == PACKED else content)
    return len(ordered)


def record(run: Run) -> dict[str, Any]:
    """A run's record, with its whole settings and environment, which `shared_parts` takes out."""
    if not is_finished(run.status, run.metric):
        raise ValueError(f"{run.folder} is {run.ending}; only finished runs are recorded")
    if isinstance(run, RecordedRun):
        own = {**run.line, "environment": dict(run.recorded_environment)}
    else:
        seconds = run.status.get("seconds") or {}
        status = {key: run.status[key] for key in STATUS_KEYS if run.status.get(key) not in (None, False)}
        status["seconds"] = {key: rounded(seconds[key], 4) for key in ("train", "total") if seconds.get(key)}
        own = {
            **{"label": run.setting, "signature": run.signature, "seed": run.seed, "settings": {}},
            **{"environment": environment_of(run), "date": str(run.environment.get("time") or "")[:10]},
            **{"status": rounded(status), "epochs": epoch_columns(run.rows)},
        }
        if kept := step_values(run.rows):
            own["steps"] = kept
    own["settings"] = plain_settings(run)
    return own


def plain_settings(run: Run) -> dict[str, Any]:
    """The configuration without what changes no result. Raises ValueError for a path of this machine."""
    found = {key: value for key, value in run.config.items() if key not in LEFT_OUT}
    for key, below in LEFT_OUT_BELOW.items():
        if isinstance(found.get(key), dict):
            found[key] = {name: value for name, value in found[key].items() if name not in below}
    for key, value in flat(found).items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and MACHINE_PATH.match(each):
                raise ValueError(f"{run.folder}: {key}={quote(each)} is a path of this machine, which is not recorded")
    return dict(sorted(found.items()))  # below the first level the order may count, as wrappers' does


def environment_of(run: Run) -> dict[str, Any]:
    """Versions, code and hardware of a run."""
    known, git = run.environment, run.environment.get("git") or {}
    found = {
        **{"python": known.get("python"), "torch": (known.get("packages") or {}).get("torch")},
        **{"commit": (git.get("commit") or "")[:12] or None, "dirty": git.get("dirty")},
        **{key: known.get(key) for key in ("device", "device_name", "threads", "cores", "processes", "stacked")},
        "code": run.code or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def shared_parts(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Take out of the entries the settings that are equal in all, and their environments, for the first line."""
    first = entries[0]["settings"] if entries else {}
    equal = {
        key: value
        for key, value in first.items()
        if all(key in entry["settings"] and same(entry["settings"][key], value) for entry in entries)
    }
    environments: list[dict[str, Any]] = []
    for entry in entries:
        entry["settings"] = {key: value for key, value in entry["settings"].items() if key not in equal}
        if entry["environment"] not in environments:
            environments.append(entry["environment"])
        entry["environment"] = environments.index(entry["environment"])
    return {"settings": equal, "environments": environments}


def same(one: Any, other: Any) -> bool:
    """Whether two settings are written alike: in the same order, 1 and 1.0 told apart."""
    return json.dumps(one) == json.dumps(other)
