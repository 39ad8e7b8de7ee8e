"""What bounds a run whose images are decoded while it trains: one line, from two rates that are measured anyway.

    data: 210 images/s decoded by 8 processes, network 95 images/s: the network bounds the run

The decoding processes time themselves; a timer around the training step, which waits for no device, gives the
network's rate (runner/train/step_timer.py). Nothing is measured for samples in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from data.decoding_rate import DecodingRate
from runner.train.step_timer import StepTimer

ENOUGH_STEPS = 20  # timed ones, for a line before the epoch's end


class Throughput:
    """Times a run's first training steps and prints the line once."""

    def __init__(self, decoding: DecodingRate | None, device: torch.device, size: int) -> None:
        """decoding: of the training samples; None: they are in memory. size: processes, each of which decodes."""
        self.decoding, self.size = decoding, size
        self.timer = StepTimer(device)
        self.seconds, self.timed, self.images, self.steps = 0.0, 0, 0, 0

    def step(self, images: int) -> AbstractContextManager[None]:
        """Around a training step on so many images."""
        if self.decoding is None:
            return nullcontext()
        self.images, self.steps = self.images + images, self.steps + 1
        return self.timer

    def report(self, print_line: Callable[[str], object], is_end: bool) -> None:
        """Print the line if there is one now. Called when the device has been waited for; is_end: of the epoch."""
        if self.decoding is None:
            return
        seconds, timed = self.timer.read()
        self.seconds, self.timed = self.seconds + seconds, self.timed + timed
        if self.timed >= (1 if is_end else ENOUGH_STEPS) and self.decoding.images:
            print_line(self.line(self.images / self.steps * self.timed / self.seconds, self.decoding.per_second()))
            self.decoding = None

    def line(self, network: float, decoded: float) -> str:
        assert self.decoding is not None
        n = self.decoding.workers
        by = f"{n} process{'es' if n > 1 else ''}" if n else "the run's own process"
        each = f", in each of {self.size} processes of the run" if self.size > 1 else ""
        bound = "decoding bounds the run (data.num_workers)" if decoded < network else "the network bounds the run"
        if not n:
            both = rate(self.size / (1 / decoded + 1 / network))
            bound = f"one waits for the other, {both} in all (data.num_workers=0)"
        return f"data: {rate(decoded)} decoded by {by}, network {rate(network)}{each}: {bound}"


def rate(images: float) -> str:
    return f"{images:,.0f} images/s" if images >= 100 else f"{images:.3g} images/s"
