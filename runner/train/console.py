"""What a run says: lines on the console and in log.txt; bars in a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from tqdm import tqdm

LINES = 10  # without bars, so many epochs of a fast run are told; of a slow one, all that are this far apart:
SECONDS_BETWEEN_LINES = 10.0


class Console:
    """progress: auto (bars when stderr is a terminal, else lines), bar, plain or none. quiet: log.txt only."""

    def __init__(self, log: Path, progress: str, quiet: bool = False) -> None:
        self.quiet = quiet
        self.log = open(log, "a", encoding="utf-8")  # noqa: SIM115 - open for the run's life
        if progress == "auto":
            progress = "bar" if sys.stderr is not None and sys.stderr.isatty() else "plain"
        self.progress = "none" if quiet else progress
        self.total: tqdm | None = None
        self.epoch: tqdm | None = None
        self.last_line = 0.0

    def say(self, text: str) -> None:
        """A line for the reader and for log.txt."""
        self.note(text)
        if self.quiet:
            return
        with contextlib.suppress(BrokenPipeError):  # `| head` must not end the run
            if self.total is not None:
                tqdm.write(text, file=sys.stdout)
            else:
                print(text, flush=True)

    def note(self, text: str) -> None:
        """A line for log.txt alone."""
        self.log.write(text + "\n")
        self.log.flush()

    def start(self, epochs: int, epochs_done: int, steps_per_epoch: int) -> None:
        if self.progress == "bar":
            self.total = tqdm(
                total=epochs, initial=epochs_done, desc="total", unit="epoch", position=0, dynamic_ncols=True
            )
            self.epoch = tqdm(total=steps_per_epoch, unit="step", position=1, leave=False, dynamic_ncols=True)

    def start_epoch(self, epoch: int, steps_done: int) -> None:
        if self.epoch is not None:
            self.epoch.reset()
            self.epoch.set_description(f"epoch {epoch}", refresh=False)
            self.epoch.update(steps_done)

    def steps(self, done: int, loss: float) -> None:
        if self.epoch is not None:
            self.epoch.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self.epoch.update(done)

    def end_epoch(self, epoch: int, epochs: int, summary: str, brief: str) -> None:
        """Tell of a finished epoch: `summary` in a line, or `brief` beside the bar."""
        if self.total is not None:
            self.total.set_postfix_str(brief, refresh=False)
            self.total.update()
            self.note(f"epoch {epoch}/{epochs}  {summary}")
            return
        due = epoch in (1, epochs) or epoch % max(1, epochs // LINES) == 0
        if self.progress == "plain" and (due or time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES):
            self.last_line = time.monotonic()
            self.say(f"epoch {epoch}/{epochs}  {summary}")
        else:
            self.note(f"epoch {epoch}/{epochs}  {summary}")

    def end(self) -> None:
        """Take the bars down; lines may follow."""
        for bar in (self.epoch, self.total):
            if bar is not None:
                bar.close()
        self.epoch = self.total = None

    def close(self) -> None:
        self.end()
        self.log.close()
