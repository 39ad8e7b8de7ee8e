"""Which way a group of runs is fastest: as one program, in one of its forms, or each in a process of its own.

Found by a few steps of each, whose traces are removed. A compiled form is tried only where minutes are at stake:
compiling alone takes seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from runner.sweep.stacked.stack import Stack
from runner.sweep.stacked.trainer import StackedTrainer
from runner.train.build import build_model_and_optimizer
from runner.train.step import TrainingStep

STEPS, ENOUGH_S = 5, 0.3  # steps that are timed, or as many as take so long
WORTH_COMPILING_S = 20.0  # of training left in the best form without
PROCESSES = "processes"
#: what a process costs beside its steps, which a stack has once for all runs or seldom: to start; to save its
#: checkpoints after each epoch, and each million numbers in them. Of 2 CPU cores, by scripts/bench_sweep.py.
START_S, SAVE_S, SAVE_S_PER_MILLION = 0.1, 0.004, 0.004


@dataclass(frozen=True)
class Choice:
    """form: of Program, or "processes"; seconds: what all runs are expected to take in each way tried."""

    form: str
    seconds: dict[str, float]

    def __str__(self) -> str:
        times = ", ".join(f"{seconds:.3g} s {way}" for way, seconds in self.seconds.items())
        return f"{self.form} (expected for all runs: {times})"


def choose(stack: Stack, processes: int, compile_it: bool = True) -> Choice:
    """Try what could be fastest. processes: how many could run at a time on this machine instead."""
    run = stack.first
    epochs = run.settings.epochs - run.progress.epoch
    left = epochs * run.steps_per_epoch
    seconds = {form: left * timed(stack, form) for form in ("vmap", "autograd")}
    if compile_it and min(seconds.values()) > WORTH_COMPILING_S:
        seconds["compile"] = left * timed(stack, "compile")
    if processes > 1:
        apart = left * alone(run, stack) + START_S + epochs * saving_s(run)
        seconds[PROCESSES] = apart * len(stack.runs) / processes
    return Choice(min(seconds, key=seconds.__getitem__), seconds)


def saving_s(run: StackedTrainer) -> float:
    """Seconds that a run by itself saves after an epoch."""
    numbers = sum(p.numel() for p in run.model.parameters())
    return SAVE_S + SAVE_S_PER_MILLION * numbers / 1e6


def timed(stack: Stack, form: str) -> float:
    """Median seconds of a step of all runs. Whatever the form raises is raised."""
    before, t = snapshot(stack), stack.axis.t
    stack.program.form = form
    try:
        stack.first.model.train()
        x, y = next(stack.batches(1, 0))
        return median(lambda: stack.program.step(x, y, stack.shared), x)
    finally:
        stack.axis.t = t
        for tensor, value in before:
            tensor.copy_(value)


def snapshot(stack: Stack) -> list[tuple[Tensor, Tensor]]:
    axis, buffers = stack.axis, stack.program.buffers
    states = [x for state in axis.states for x in state.values()]
    return [(x, x.clone()) for x in (*axis.params, *states, *axis.totals.values(), *buffers.values())]


def alone(run: StackedTrainer, stack: Stack) -> float:
    """Median seconds of a step of one run by itself, on one CPU thread."""
    device = run.samples.train.device
    model, optimizer = build_model_and_optimizer(run.config, str(device), run.console, run.distributed)
    training_step = TrainingStep(model, optimizer, run.task, replace(run.settings, compile=False), lambda _: None)
    x, y = next(stack.batches(1, 0))
    if not stack.shared:
        x, y = x[0], y[0]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return median(lambda: training_step(x, y), x)
    finally:
        torch.set_num_threads(threads)


def median(step: Callable[[], object], like: Tensor) -> float:
    times: list[float] = []
    while len(times) <= STEPS and sum(times[1:]) < ENOUGH_S:
        start = time.perf_counter()
        step()
        if like.is_cuda:
            torch.cuda.synchronize(like.device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first one warms up, or compiles
