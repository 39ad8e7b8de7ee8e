"""What report/assets/*.js reads: panels and runs as JSON, pictures and long texts packed into the page itself."""

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

from report.figures.panel import Line, Panel
from results.run import Run

MOST_POINTS = 4000  # a line; a screen has fewer columns, and 60 lines of more would make tens of megabytes
LONGEST_TEXT = 64 * 1024  # bytes of one text, before it is packed
ALL_LOGS = 16 * 1024 * 1024  # bytes of all logs together, before they are packed
TEXTS = ("config.yaml", "environment.json", "status.json", "log.txt")
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")  # ECMA-48: colours, titles
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def as_json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever its strings say."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def clean(text: str) -> str:
    """Text without a terminal's escapes; of a line that was written over and over, what it said last."""
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in ESCAPES.sub("", text).split("\n"))
    return CONTROLS.sub("", "\n".join(lines))


def panel_data(panel: Panel) -> dict[str, Any]:
    """A panel for chart.js; lines with the same x share one list of it."""
    lines, pool = [thinned(line) for line in panel.lines], {}
    every = [
        {
            "label": clean(line.label),
            "colour": line.style.colour[1:],
            "dash": list(line.style.dash),
            "marker": line.style.marker,
            "x": pool.setdefault(json.dumps(numbers(line.x)), len(pool)),
            **{key: numbers(getattr(line, key)) for key in ("y", "low", "high")},
            **{"ghost": numbers(line.raw), "lost": numbers(line.diverged_at)},
            "crosses": [point for point in map(numbers, line.crosses) if None not in point],
            "markers": line.markers or len(line.x) == 1,
        }
        for line in lines
    ]
    return {
        **{key: clean(getattr(panel, key)) for key in ("title", "x_name", "y_name", "note")},
        **{"x_log": panel.x_log, "y_log": panel.y_log, "y_range": panel.y_range},
        **{"xs": [json.loads(text) for text in pool], "lines": every, "lost_at": panel.diverged_edge},
        "thinned": any(len(line.x) > MOST_POINTS for line in panel.lines),
    }


def numbers(values: Sequence[float]) -> list[float | None]:
    """Seven digits each, as many as a float32 has; null, a gap, for what is no number or beyond all drawing."""
    return [float(f"{value:.7g}") * (abs(value) > 1e-100) if abs(value) < 1e100 else None for value in values]


def thinned(line: Line) -> Line:
    """At most MOST_POINTS points: of each stretch the lowest and the highest, so that no spike is lost."""
    if len(line.x) <= MOST_POINTS:
        return line
    import dataclasses

    import numpy

    y = numpy.asarray(line.y, float)
    stretches = numpy.array_split(numpy.arange(len(y)), MOST_POINTS // 2)
    y = numpy.where(numpy.isfinite(y), y, y[numpy.isfinite(y)].min(initial=0))
    ends = {0, len(y) - 1}
    kept = sorted(ends | {int(s[f(y[s])]) for s in stretches[1:-1] for f in (numpy.argmin, numpy.argmax)})
    parts = {
        key: [getattr(line, key)[i] for i in kept]
        for key in ("x", "y", "low", "high", "raw")
        if len(getattr(line, key))
    }
    return dataclasses.replace(line, **parts)


def runs_data(runs: Sequence[Run]) -> dict[str, Any]:
    """The runs for runs.js: a row each and, packed and each only once, the texts of their folders."""
    root = os.path.commonpath([run.folder for run in runs]) if runs else ""
    longest = min(LONGEST_TEXT, ALL_LOGS // max(len(runs), 1))
    pool: dict[str, int] = {}
    rows = []
    for run in runs:
        texts = [pool.setdefault(read_text(run.folder / name, longest), len(pool)) for name in TEXTS]
        rows.append({**row_of(run), "folder": clean(os.path.relpath(run.folder, root)), "texts": texts})
    return {"names": TEXTS, "rows": rows, "texts": [packed(text) for text in pool]}


def row_of(run: Run) -> dict[str, Any]:
    """What the list shows of a run; null where its status does not say."""
    status, metric = run.status, run.status.get("metric", "loss")
    best, test, seconds = ((status.get(key) or {}) for key in ("best", "test", "seconds"))
    value, tested, total = best.get(metric), test.get(metric), seconds.get("total")
    return {
        "setting": clean(run.setting),
        "task": clean(str((run.config.get("task") or {}).get("name", ""))),
        "seed": run.config.get("seed"),
        "status": clean(str(status.get("status", "unknown"))),
        "metric": clean(str(metric)),
        "validation": finite(value),
        "test": finite(tested),
        "epochs": finite(status.get("epochs_done")),
        "seconds": finite(total),
    }


def finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def read_text(path: Path, longest: int) -> str:
    """A file's text; of a longer one its last `longest` bytes, under a line that says so."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - longest))
            text = clean(file.read().decode("utf-8", "replace"))
    except OSError:
        return f"(no {path.name})"
    if size <= longest:
        return text
    whole = text.partition("\n")[2] or text  # the first line is most often cut in two
    return f"[the last {longest / 1024:.0f} of {size / 1024:.0f} KB; {path.name} in the run's folder has all]\n{whole}"


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def picture_data(path: Path) -> tuple[str, int, int]:
    """A PNG as data URI, its width and its height in pixels."""
    content = path.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise ValueError(f"{path} is no PNG")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}", width, height
