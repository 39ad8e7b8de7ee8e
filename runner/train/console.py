"""Console output of a run: lines, which are also in log.txt, and progress bars in a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from results.values import format_metric

#: without bars, this many epochs are printed, and every epoch that ends this long after the last line
MAX_LINES, SECONDS_BETWEEN_LINES = 10, 10.0


class Console:
    """progress: auto (bars when stderr is a terminal, else lines), bar, plain or none. quiet: log.txt only."""

    def __init__(self, log: Path, progress: str, quiet: bool = False) -> None:
        self.quiet = quiet
        self.log_file = open(log, "a", encoding="utf-8")  # noqa: SIM115 - open until close()
        if progress == "auto":
            progress = "bar" if sys.stderr is not None and sys.stderr.isatty() else "plain"
        self.progress = "none" if quiet else progress
        self.epochs_bar: tqdm | None = None
        self.steps_bar: tqdm | None = None
        self.last_line_time = 0.0

    def print(self, text: str) -> None:
        """Print a line on the console and write it to log.txt."""
        self.log(text)
        if self.quiet:
            return
        with contextlib.suppress(OSError, ValueError):  # closed, full, `| head`: not the run's business
            if self.epochs_bar is not None:
                tqdm.write(text, file=sys.stdout)
            else:
                print(text, flush=True)

    def log(self, text: str) -> None:
        """Write a line to log.txt alone."""
        self.log_file.write(text + "\n")
        self.log_file.flush()

    def start(self, epochs: int, epochs_done: int, steps_per_epoch: int) -> None:
        if self.progress == "bar":
            self.epochs_bar = tqdm(
                total=epochs, initial=epochs_done, desc="total", unit="epoch", position=0, dynamic_ncols=True
            )
            self.steps_bar = tqdm(total=steps_per_epoch, unit="step", position=1, leave=False, dynamic_ncols=True)

    def start_epoch(self, epoch: int, steps_done: int) -> None:
        if self.steps_bar is not None:
            self.steps_bar.reset()
            self.steps_bar.set_description(f"epoch {epoch}", refresh=False)
            self.steps_bar.update(steps_done)

    def update_steps(self, done: int, loss: float) -> None:
        if self.steps_bar is not None:
            self.steps_bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self.steps_bar.update(done)

    def end_epoch(self, epoch: int, epochs: int, train: dict[str, Any], val: dict[str, Any], metric: str) -> None:
        """Show the rows of a finished epoch: in a line, or beside the bar."""
        values = ((row["split"], format_metric(row["loss"]), format_metric(row[metric])) for row in (train, val))
        means = (f"{split} loss {loss} {metric} {value}" for split, loss, value in values)
        line = f"epoch {epoch}/{epochs}  {'  '.join(means)}"
        if self.epochs_bar is not None:
            self.epochs_bar.set_postfix_str(f"val {metric} {format_metric(val[metric])}", refresh=False)
            self.epochs_bar.update()
        is_due = epoch in (1, epochs) or epoch % max(1, epochs // MAX_LINES) == 0
        if self.progress == "plain" and (is_due or time.monotonic() - self.last_line_time > SECONDS_BETWEEN_LINES):
            self.last_line_time = time.monotonic()
            self.print(line)
        else:
            self.log(line)

    def end(self) -> None:
        """Remove the bars; lines may follow."""
        for bar in (self.steps_bar, self.epochs_bar):
            if bar is not None:
                bar.close()
        self.steps_bar = self.epochs_bar = None

    def close(self) -> None:
        self.end()
        self.log_file.close()
