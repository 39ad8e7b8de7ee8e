"""The fastest way to train a group of runs: stacked, in one of its forms, or in parallel processes.

It is found by timing some steps in each way, whose effects are undone. The compiled form is tried only where minutes
can be saved: compiling itself takes seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from runner.sweep.stacked.member_trainer import MemberTrainer
from runner.sweep.stacked.stacked_trainer import StackedTrainer
from runner.train.build import build_model_and_optimizer
from runner.train.step import TrainingStep

NUM_STEPS, ENOUGH_S = 5, 0.3  # steps that are timed, fewer if they take so long
MIN_TO_COMPILE_S = 20.0  # of training in the fastest form that is not compiled
PROCESSES = "processes"
#: What a process costs beside its steps, and a stack once or seldom for all runs: to start; to save its checkpoints
#: after each epoch, and each million parameters in them. Measured on 2 CPU cores by scripts/bench_sweep.py.
START_S, SAVE_S, SAVE_S_PER_MILLION = 0.1, 0.004, 0.004


@dataclass(frozen=True)
class Choice:
    """form: of StackedSteps, or PROCESSES. seconds: expected for all runs, by each form that was timed."""

    form: str
    seconds: dict[str, float]

    def __str__(self) -> str:
        times = ", ".join(f"{seconds:.3g} s {form}" for form, seconds in self.seconds.items())
        return f"{self.form} (expected for all runs: {times})"


def choose_form(trainer: StackedTrainer, num_processes: int) -> Choice:
    """Time the forms. num_processes: how many runs could be in progress at a time on this machine instead."""
    run = trainer.first
    epochs = run.config.last_epoch - run.progress.epoch
    steps = epochs * run.steps_per_epoch
    seconds = {form: steps * stacked_step_s(trainer, form) for form in ("vmap", "autograd")}
    if min(seconds.values()) > MIN_TO_COMPILE_S:
        seconds["compile"] = steps * stacked_step_s(trainer, "compile")
    if num_processes > 1:
        of_one = START_S + steps * single_step_s(run, trainer) + epochs * saving_s(run.model)
        seconds[PROCESSES] = of_one * len(trainer.members) / num_processes
    return Choice(min(seconds, key=seconds.__getitem__), seconds)


def saving_s(model: nn.Module) -> float:
    """Seconds in which a run in a process of its own saves its checkpoints."""
    parameters = sum(p.numel() for p in model.parameters())
    return SAVE_S + SAVE_S_PER_MILLION * parameters / 1e6


def stacked_step_s(trainer: StackedTrainer, form: str) -> float:
    """Median seconds of a step of all runs. Raises what the form raises."""
    before, t = snapshot(trainer), trainer.optimizers.t
    trainer.steps.form = form
    try:
        trainer.first.model.train()
        x, y = next(trainer.batches(1, 0))
        return median_s(lambda: trainer.steps.train(x, y, trainer.same_batches), x.device)
    finally:
        trainer.optimizers.t = t
        for tensor, value in before:
            tensor.copy_(value)


def snapshot(trainer: StackedTrainer) -> list[tuple[Tensor, Tensor]]:
    """The tensors that a step changes, each with a copy."""
    optimizers, buffers = trainer.optimizers, trainer.steps.buffers
    states = [x for state in optimizers.states for x in state.values()]
    return [(x, x.clone()) for x in (*optimizers.params, *states, *optimizers.global_state.values(), *buffers.values())]


def single_step_s(run: MemberTrainer, trainer: StackedTrainer) -> float:
    """Median seconds of a step of one run by itself, on one CPU thread."""
    model, optimizer = build_model_and_optimizer(run.config, run.samples, trainer.device, run.console, run.distributed)
    training_step = TrainingStep(model, optimizer, run.task, replace(run.settings, compile=False), lambda _: None)
    x, y = next(trainer.batches(1, 0))
    if not trainer.same_batches:
        x, y = x[0], y[0]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return median_s(lambda: training_step(x, y), x.device)
    finally:
        torch.set_num_threads(threads)


def median_s(step: Callable[[], object], device: torch.device) -> float:
    times: list[float] = []
    while len(times) <= NUM_STEPS and sum(times[1:]) < ENOUGH_S:
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first step warms up, or compiles
