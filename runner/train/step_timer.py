"""How long the optimizer's own step takes.

A CPU's steps are all timed. A CUDA device works behind the program's back: every tenth step is marked in its queue by
two events, whose times are read after the losses are, when the device has passed them all: nothing waits for it.
Clipping gradients, setting them to zero and averaging them over processes are no part of the step; Lookahead, weight
projections and whatever else the optimizer does in it are.
"""

from __future__ import annotations

import time
from typing import Any

import torch

EVERY = {"cpu": 1, "cuda": 10}  # steps; two events cost some microseconds


class StepTimer:
    """Put `with clock:` around each step, and call `read` once the device has been waited for."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.every = device, EVERY.get(device.type, 0)
        self.steps = 0
        self.spans: list[tuple[Any, Any]] = []

    def __enter__(self) -> None:
        self.begun = self.now() if self.every and self.steps % self.every == self.every - 1 else None

    def __exit__(self, *error: object) -> None:
        if self.begun is not None and self.steps:  # the first step also makes the optimizer's state
            self.spans.append((self.begun, self.now()))
        self.steps += 1

    def now(self) -> Any:
        if self.device.type == "cpu":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def read(self) -> tuple[float, int]:
        """(seconds, how many steps) since the last call, each timed step standing for `every`."""
        spans, self.spans = self.spans, []
        if self.device.type == "cpu":
            seconds = sum(end - start for start, end in spans)
        else:
            seconds = sum(start.elapsed_time(end) for start, end in spans) / 1000
        return seconds * self.every, len(spans) * self.every
