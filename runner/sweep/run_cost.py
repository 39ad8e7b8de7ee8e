"""How long a run takes on this machine, estimated by timing some of its steps."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from data.samples import Samples
from results.values import first_line
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.sweep.stacked.autotune import median_s, saving_s
from runner.train.build import build_model_and_optimizer
from runner.train.console import Console
from runner.train.distributed import SINGLE_PROCESS
from runner.train.forward import forward
from runner.train.prepare import load_training_samples, prepare_torch
from runner.train.rng import epoch_order
from runner.train.step import TrainingStep
from runner.train.trainer import num_batches

RUN_S = 0.5  # to start a run and to draw its pictures; measured on 2 CPU cores
SAME_COST = ("task", "data", "model", "batch_size", "eval_batch_size", "accumulate", "amp", "channels_last", "backend")


@dataclass(frozen=True)
class RunCost:
    """fixed_s: seconds of a run beside its epochs. epoch_s: of an epoch, with its validation and checkpoints."""

    fixed_s: float
    epoch_s: float

    def seconds(self, epochs: int) -> float:
        return self.fixed_s + epochs * self.epoch_s


def cost_kind(config: Config) -> str:
    """A key that runs have in common whose steps are alike: of one network, data set and method."""
    shared = {key: config.plain.get(key) for key in SAME_COST}
    names = [
        config.plain["optim"]["name"],
        list(config.plain.get("wrap") or {}),
        list(config.plain.get("groups") or {}),
    ]
    return json.dumps([shared, config.limits, names], sort_keys=True, default=str)


class CostMeter:
    """Estimates the cost of runs, once for each kind. threads: of torch in one run; None: torch's choice."""

    def __init__(self, threads: int | None) -> None:
        self.threads = threads
        self.costs: dict[str, RunCost] = {}
        self.samples: dict[str, Samples] = {}

    def __call__(self, config: Config) -> RunCost:
        """Raises ConfigError where the data are missing or a step fails."""
        kind = cost_kind(config)
        if kind not in self.costs:
            threads = torch.get_num_threads()
            try:
                self.costs[kind] = self.measure(config)
            except ConfigError:
                raise
            except Exception as error:  # of any kind: a model's own, no memory
                reason = f"{type(error).__name__}: {first_line(error)}"
                raise ConfigError(f"--budget: a step of {config.label} can't be timed: {reason}") from None
            finally:
                torch.set_num_threads(threads)
        return self.costs[kind]

    def measure(self, config: Config) -> RunCost:
        device = prepare_torch(config)
        if self.threads:
            torch.set_num_threads(self.threads)
        samples = self.load(config, device)
        settings = replace(config.settings, compile=False, cuda_graphs=False)
        console = Console(Path(os.devnull), "none", quiet=True)
        try:
            model, optimizer = build_model_and_optimizer(config, samples, device, console, SINGLE_PROCESS)
        finally:
            console.close()
        step, batches = TrainingStep(model, optimizer, config.task, settings, lambda _: None), endless(config, samples)
        model.train()
        step_s = median_s(lambda: step(*next(batches)), samples.device)
        steps = num_batches(len(samples.train), settings.batch_size, settings.drop_last)
        val_s, test_s = (evaluation_s(config, model, samples, part) for part in ("val", "test"))
        return RunCost(RUN_S + 2 * test_s, steps * step_s + val_s + saving_s(model))  # best and last weights are tested

    def load(self, config: Config, device: str) -> Samples:
        key = json.dumps([config.plain["data"], config.limits, config.settings.batch_size, device], default=str)
        if key not in self.samples:
            self.samples = {key: load_training_samples(config).to(device)}  # one at a time: they may be large
        return self.samples[key]


def endless(config: Config, samples: Samples) -> Iterator[tuple[Tensor, Tensor]]:
    """Training batches of one epoch after the other."""
    settings = config.settings
    for epoch in count(1):
        order = epoch_order(len(samples.train), settings.seed, epoch, config.data.shuffle)
        yield from samples.train_batches(order, settings.batch_size, 0, epoch)


@torch.no_grad()
def evaluation_s(config: Config, model: nn.Module, samples: Samples, part: str) -> float:
    """Seconds of an evaluation, from its first batch."""
    settings = config.settings
    x, y = next(iter(samples.eval_batches(part, settings.eval_batch_size)))
    model.eval()
    return median_s(lambda: forward(model, x, settings), samples.device) * len(getattr(samples, part)) / len(y)
