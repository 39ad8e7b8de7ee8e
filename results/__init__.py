"""The run folder: its paths and files, written by runner and read by report. Imports neither of them, and no torch.

    import results
    frames = results.load("outputs/digits", where=["optim=adam,aggmo", "status=done"])
    frames.runs.groupby("setting")["val_best"].mean()

paths        names of folders and files           signature    the hash of configuration and code
run_folder   one run's folder, locked             files        atomic writes
metrics      rows of metrics.jsonl                status       status.json
run, find    reading runs                         filters, settings, frames    choosing, grouping, tabulating them
values       how a setting's value is written     typed        YAML to checked dataclasses
run_records  runs as small files that are committed      record_rows    their rows
records      what each file may hold              plain_yaml   YAML as plain data, of limited depth and size
streams      a console that can't fail            labels, run_labels    what a setting is called where it is shown
earlier_code runs of a configuration by other code
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.frames import Frames


def load(*paths: Path | str, where: Sequence[str] = ()) -> Frames:
    """The runs below these folders as pandas frames: runs, epochs, steps, skipped (see results/frames.py).

    paths: folders above runs, runs' own folders, or sweeps' folders. where: filters (see results/filters.py).
    Raises FileNotFoundError for a missing folder and ValueError for a filter that no run passes.
    """
    from results.frames import load_frames

    return load_frames(*paths, where=where)
