"""Figures and tables from run folders. Reads folders only; imports nothing that trains.

import report
frames = report.load("outputs/digits", where=["optim=adam,aggmo", "status=done"])
frames.runs.groupby("setting")["val_best"].mean()
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.frames import Frames


def load(*paths: Path | str, where: Sequence[str] = ()) -> Frames:
    """The runs in these folders as pandas frames: runs, epochs, steps, skipped (results/frames.py has more).

    paths: any folders above runs, runs' own, or sweeps'. where: filters (results/filters.py). Raises
    FileNotFoundError for a folder that is not there and ValueError for a filter that can't be met.
    """
    from results.frames import load as load_frames

    return load_frames(*paths, where=where)
