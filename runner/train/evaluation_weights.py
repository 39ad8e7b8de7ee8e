"""The weights that a run is evaluated with, and the running statistics that belong to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from data.samples import Samples
from optim import update_statistics
from optim.interface import TrainingOptimizer
from optim.statistics import buffers_restored
from runner.config.schema import Settings
from runner.train.forward import forward
from runner.train.rng import statistics_order
from runner.train.seeding import stream_seed
from runner.train.sharding import BatchSharding


class EvaluationWeights:
    """Loads the optimizer's evaluation weights, such as an average, into its model, and the training weights back.

    sharding: of the run's batches over its processes.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: TrainingOptimizer,
        samples: Samples,
        settings: Settings,
        sharding: BatchSharding,
    ) -> None:
        self.model, self.optimizer, self.samples = model, optimizer, samples
        self.settings, self.sharding = settings, sharding
        self.estimate: tuple[int, dict[str, Tensor]] | None = None  # a step, and the buffers that belong to its weights

    @contextmanager
    def loaded(self, step: int) -> Iterator[None]:
        """Inside, the model has the evaluation weights and their running statistics. step: the steps taken so far."""
        if not self.optimizer.has_evaluation_weights:
            yield
            return
        with self.optimizer.evaluation_weights(), buffers_restored(self.model):
            self.load_statistics(step)
            yield

    @torch.no_grad()
    def load_statistics(self, step: int) -> None:
        """Estimate the running statistics of the present weights, once for each step."""
        if self.estimate is None or self.estimate[0] != step:
            update_statistics(self.model, self.inputs(step), partial(forward, self.model, settings=self.settings))
            self.estimate = step, {name: buffer.clone() for name, buffer in self.model.named_buffers()}
            return
        for name, buffer in self.model.named_buffers():
            buffer.copy_(self.estimate[1][name])

    def inputs(self, step: int) -> Iterator[Tensor]:
        """Training inputs, as many as go through the network at once in training: this process's shards of them."""
        seed, batch_size = self.settings.seed, self.settings.batch_size
        order = statistics_order(len(self.samples.train), batch_size, seed, step)
        size = min(batch_size, len(order))
        shards, local = self.sharding.shards(size), self.sharding.local_order(order, size)
        augment_seed = stream_seed(seed, "statistics_augment", step)
        for x, _ in self.samples.train_batches(local, self.sharding.local_size(size), 0, augment_seed):
            yield from x.split([shard.size for shard in shards])
