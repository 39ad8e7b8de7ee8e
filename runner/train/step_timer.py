"""Times the optimizer's steps without waiting for the device.

On a CPU every step is timed. On a CUDA device, which works asynchronously, two events mark every tenth step; their
times are read after the losses, when the device has passed them. Clipping, zeroing and averaging gradients are not
part of the step; whatever the optimizer does in its step (Lookahead, weight projections) is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

EVERY = {"cpu": 1, "cuda": 10}  # steps; two events take some microseconds


class StepTimer:
    """Context manager around each step; call `read` once the device has been synchronised.

    clock: seconds on the CPU. Devices other than CPU and CUDA are not timed.
    """

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.perf_counter) -> None:
        self.device, self.clock, self.every = device, clock, EVERY.get(device.type, 0)
        self.steps = 0
        self.spans: list[tuple[Any, Any]] = []

    def __enter__(self) -> None:
        self.start = self.now() if self.every and self.steps % self.every == self.every - 1 else None

    def __exit__(self, *error: object) -> None:
        if self.start is not None and self.steps:  # the first step also allocates the optimizer's state
            self.spans.append((self.start, self.now()))
        self.steps += 1

    def now(self) -> Any:
        """Seconds on the CPU, or a recorded CUDA event."""
        if self.device.type == "cpu":
            return self.clock()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def read(self) -> tuple[float, int]:
        """(seconds, number of steps) since the last call; each timed step stands for `every` steps."""
        spans, self.spans = self.spans, []
        if self.device.type == "cpu":
            seconds = sum(end - start for start, end in spans)
        else:
            seconds = sum(start.elapsed_time(end) for start, end in spans) / 1000
        return seconds * self.every, len(spans) * self.every
