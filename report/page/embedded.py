"""What the page carries in itself: lists of runs as JSON, texts compressed, pictures as data URIs."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results.files import find_file_problem
from results.paths import CONFIG, ENVIRONMENT, SAMPLE, STATUS
from results.run import Run
from results.run_labels import labels
from results.run_records import RecordedRun

MAX_TEXT = 64 * 1024  # bytes of one text, before it is compressed
MAX_LOGS = 16 * 1024 * 1024  # bytes of all logs together, before they are compressed
TEXTS = ("config.yaml", "environment.json", "status.json", "log.txt")
OF_SOME = (SAMPLE,)  # texts that runs of some tasks have
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")  # ECMA-48: colours, titles
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def as_json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever its strings hold."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def clean(text: str) -> str:
    """Text without a terminal's escapes; of a line that was overwritten (progress bars), its last state."""
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in ESCAPES.sub("", text).split("\n"))
    return CONTROLS.sub("", "\n".join(lines))


def runs_data(runs: Sequence[Run], tasks: Sequence[str] = ()) -> dict[str, Any]:
    """The runs for runs.js: a row each, and the compressed texts of their folders, equal ones only once. tasks: the
    tasks' names where they are not the runs' own; labels are those among the runs of a task, then."""
    root = os.path.commonpath([run.folder for run in runs]) if runs else ""
    limit = min(MAX_TEXT, MAX_LOGS // max(len(runs), 1))
    names = *TEXTS, *(name for name in OF_SOME if any((run.folder / name).exists() for run in runs))
    called = [{"task": task} for task in tasks] or [{}] * len(runs)
    pool: dict[str, int] = {}
    rows = []
    for run, label, task in zip(runs, labels_by(runs, tasks), called, strict=True):
        texts = [pool.setdefault(text_of(run, name, limit), len(pool)) for name in names]
        where = {"setting": clean(label), "folder": clean(os.path.relpath(run.folder, root))}
        rows.append({**row_of(run), **task, **where, "texts": texts})
    return {"names": names, "rows": rows, "texts": [packed(text) for text in pool]}


def labels_by(runs: Sequence[Run], tasks: Sequence[str]) -> list[str]:
    """The runs' labels, of each task's runs by themselves."""
    if not tasks:
        return labels(runs)
    found: dict[int, str] = {}
    for task in dict.fromkeys(tasks):
        own = [run for run, name in zip(runs, tasks, strict=True) if name == task]
        found |= zip(map(id, own), labels(own), strict=True)
    return [found[id(run)] for run in runs]


def text_of(run: Run, name: str, limit: int) -> str:
    """A text of the run's folder; of a recorded run, which has none, the settings of its optimizer and its results."""
    if not isinstance(run, RecordedRun):
        return read_text(run.folder / name, limit)
    optimizer = {key: run.config.get(key) for key in ("optim", "wrap", "groups")}
    known = {CONFIG: optimizer, ENVIRONMENT: run.environment, STATUS: run.status}
    return clean(json.dumps(known[name], indent=2)) if name in known else f"(no {name} of a recorded run)"


def row_of(run: Run) -> dict[str, Any]:
    """What the list shows of a run; null for what its status lacks."""
    status, metric = run.status, run.status.get("metric", "loss")
    best, test, seconds = ((status.get(key) or {}) for key in ("best", "test", "seconds"))
    value, tested, trained = best.get(metric), test.get(metric), seconds.get("train")
    return {
        "task": clean(str((run.config.get("task") or {}).get("name", ""))),
        "seed": run.config.get("seed"),
        "status": clean(str(status.get("status", "unknown"))),
        "metric": clean(str(metric)),
        "validation": finite(value),
        "test": finite(tested),
        "epochs": finite(status.get("epochs_done")),
        "seconds": finite(trained),
    }


def finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def read_text(path: Path, limit: int) -> str:
    """A file's text; of a larger file the last `limit` bytes, below a line that says so."""
    try:
        if find_file_problem(path):  # a pipe or device, whose end never comes
            return f"(no {path.name})"
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            text = clean(file.read(limit).decode("utf-8", "replace"))
    except OSError:
        return f"(no {path.name})"
    if size <= limit:
        return text
    whole = text.partition("\n")[2] or text  # the first line is cut in two, as a rule
    return f"[the last {limit / 1024:.0f} of {size / 1024:.0f} KB; {path.name} in the run's folder has all]\n{whole}"


def packed(text: str) -> str:
    """Text compressed (zlib) and in base64; `unpacked` in elements.js is the inverse."""
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def picture_data(path: Path) -> tuple[str, int, int]:
    """A PNG as data URI, its width and its height in pixels."""
    content = path.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise ValueError(f"{path} is no PNG")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}", width, height
