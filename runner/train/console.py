"""A run's output: lines on the console and in log.txt, progress bars in a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from tqdm import tqdm

MAX_LINES = 10  # without bars, so many epochs of a fast run are printed; of a slow one, all that are this far apart:
SECONDS_BETWEEN_LINES = 10.0


class Console:
    """progress: auto (bars when stderr is a terminal, else lines), bar, plain or none. quiet: log.txt only."""

    def __init__(self, log: Path, progress: str, quiet: bool = False) -> None:
        self.quiet = quiet
        self.log_file = open(log, "a", encoding="utf-8")  # noqa: SIM115 - open for the run's life
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
        with contextlib.suppress(BrokenPipeError):  # `| head` must not end the run
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

    def end_epoch(self, epoch: int, epochs: int, summary: str, brief: str) -> None:
        """Show a finished epoch: `summary` in a line, or `brief` beside the bar."""
        if self.epochs_bar is not None:
            self.epochs_bar.set_postfix_str(brief, refresh=False)
            self.epochs_bar.update()
            self.log(f"epoch {epoch}/{epochs}  {summary}")
            return
        is_due = epoch in (1, epochs) or epoch % max(1, epochs // MAX_LINES) == 0
        if self.progress == "plain" and (is_due or time.monotonic() - self.last_line_time > SECONDS_BETWEEN_LINES):
            self.last_line_time = time.monotonic()
            self.print(f"epoch {epoch}/{epochs}  {summary}")
        else:
            self.log(f"epoch {epoch}/{epochs}  {summary}")

    def end(self) -> None:
        """Remove the bars; lines may follow."""
        for bar in (self.steps_bar, self.epochs_bar):
            if bar is not None:
                bar.close()
        self.steps_bar = self.epochs_bar = None

    def close(self) -> None:
        self.end()
        self.log_file.close()
