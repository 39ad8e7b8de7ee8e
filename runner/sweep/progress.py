"""What a sweep shows while its runs train: a live line in a terminal, else a line now and then.

    2 of 12 runs ended; mnist adam,lr=0.01 seed=0: epoch 12/30, 4.1 s an epoch, about 74 s to go; sweep: about 20 min

Once an epoch of each kind of run has ended, a line says how long the sweep takes in all:

    75 runs of 10 epochs: about 11 min on this device (2 at a time)

Both are read from the runs' status.json, so that they hold for every launcher.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from runner.sweep.plan import Job
from runner.sweep.remaining_time import format_duration
from runner.sweep.table import SweepTable
from runner.train import output

LIVE_EVERY_S, LINE_EVERY_S = 1.0, 60.0
LINES = 50  # a line after each fiftieth of the time so far, where that is longer


class SweepProgress:
    """A thread that shows the progress of the table's runs inside the context."""

    def __init__(self, table: SweepTable, print_line: Callable[[str], Any] = output.print_line) -> None:
        self.table, self.print_line = table, print_line
        self.is_live = sys.stderr is not None and sys.stderr.isatty()
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> SweepProgress:
        if self.is_live:
            output.live_line = tqdm(bar_format="{desc}", leave=False, dynamic_ncols=True)
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self.thread.join()
        if output.live_line is not None:
            output.live_line.close()
            output.live_line = None

    def run(self) -> None:
        start = shown = time.monotonic()
        is_known = False  # at the look before: runs that keep step write their status one after another
        while not self.closing.wait(LIVE_EVERY_S):
            if is_known:
                self.table.announce_duration()
            is_known = self.table.is_announced or self.table.remaining() is not None
            now = time.monotonic()
            if not self.is_live and now - shown < self.pause_s(now - start):
                continue
            shown = now
            if not (line := describe_progress(self.table)):
                continue
            if output.live_line is not None:
                output.live_line.set_description_str(line)
            else:
                self.print_line(line)

    @staticmethod
    def pause_s(elapsed: float) -> float:
        return max(LINE_EVERY_S, elapsed / LINES)


def describe_progress(table: SweepTable) -> str:
    """The line; empty if no run is in progress. Of several runs at a time the one that is furthest is shown."""
    running = table.running()
    if not running:
        return ""
    parts = [f"{len(table.ended)} of {table.num_to_run} runs ended"]
    job, status = max(running, key=lambda each: each[1].get("epochs_done", 0))
    more = f" (and {len(running) - 1} more)" if len(running) > 1 else ""
    parts.append(f"{table.names[job.number]}{more}: {describe_run(job, status)}")
    if (left := table.remaining()) is not None:
        parts.append(f"sweep: {left} to go")
    return "; ".join(parts)


def describe_run(job: Job, status: dict[str, Any]) -> str:
    """Epoch, speed and remaining time of a run. Its seconds and epochs both count those before an interruption."""
    epochs, done = job.checked_config.last_epoch, status.get("epochs_done", 0)
    total = (status.get("seconds") or {}).get("total") or 0.0
    if not done:
        return f"in epoch 1/{epochs}"
    left = f", about {format_duration(total / done * (epochs - done))} to go" if done < epochs else ""
    return f"epoch {done}/{epochs}, {total / done:.3g} s an epoch{left}"
