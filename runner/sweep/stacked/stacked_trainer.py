"""The training loop of a stack: that of runner.train.trainer, with the steps of all runs taken together.

Each run has its folder, rows, best weights and checkpoints. One that diverges or stops early is finished at once, while
the others go on. Checkpoints are written for all runs at a time, and take at most a twentieth of the time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor

from data.samples import Part, Samples
from optim.optimizer import ComposedOptimizer
from optim.stacked import StackedOptimizers
from runner.sweep.stacked.member_trainer import MemberTrainer
from runner.sweep.stacked.stacked_steps import StackedSteps
from runner.train.progress import Diverged, Means, StepResult
from runner.train.rng import epoch_order, statistics_order
from runner.train.seeding import stream_seed
from runner.train.signals import Interrupted, StopRequest

MIN_TRAIN_TO_SAVE = 20  # times as long as saving took, the stack trains before it saves again
SAVE_EVERY_S = 5.0


class StackedTrainer:
    """Trains runs of one structure that are at the same step.

    finish: called once for each run that has ended, to test it and write its results.
    """

    def __init__(
        self,
        members: Sequence[MemberTrainer],
        samples: Samples,
        stop: StopRequest,
        finish: Callable[[MemberTrainer], None],
    ) -> None:
        self.members, self.samples, self.stop, self.finish = list(members), samples, stop, finish
        self.first = self.members[0]
        self.optimizers = StackedOptimizers([cast(ComposedOptimizer, member.optimizer) for member in self.members])
        models = [member.model for member in self.members]
        self.steps = StackedSteps(models, self.optimizers, self.first.task, self.first.settings)
        self.same_batches = len({member.settings.seed for member in self.members}) == 1
        self.saved_s, self.saving_s = time.monotonic(), 0.0  # when it last saved, and how long that took

    @property
    def device(self) -> str:
        return str(self.samples.train.device)

    @property
    def active(self) -> list[MemberTrainer]:
        return [member for member in self.members if not member.ended]

    def fit(self) -> None:
        """Train until every run has ended; raise Interrupted, everything saved, if asked to stop."""
        for member in self.members:
            self.end_if_complete(member)  # a run that was killed between its last epoch and its test
        while self.active:
            self.train_epoch()
            if self.active:
                self.end_epoch()
            self.raise_if_stopped()

    def train_epoch(self) -> None:
        progress = self.active[0].progress
        batches = self.batches(progress.epoch + 1, progress.step_in_epoch)
        self.first.model.train()
        while self.active and self.active[0].progress.step_in_epoch < self.first.steps_per_epoch:
            leader = self.active[0]
            steps = leader.chunk_size()
            with self.clock("train"):
                outcomes = self.train_steps(batches, steps)
            for member, outcome in zip(self.members, outcomes, strict=True):
                if not member.ended:
                    with self.ending_diverged(member):
                        member.record_steps(outcome, {})
            for member in self.active:
                if member.progress.step_in_epoch < member.steps_per_epoch:  # else it is written at the epoch's end
                    member.write_status()  # as running, all of them: how many there are counts for the remaining time
            self.raise_if_stopped()

    def train_steps(self, batches: Iterator[tuple[Tensor, Tensor]], steps: int) -> list[list[StepResult]]:
        """Take steps; return the outcomes of each run, read from the device once at the end."""
        start = self.active[0].progress.step
        found, sizes, rates = [], [], []
        for number in range(steps):
            x, y = next(batches)
            factor = self.first.task.lr_factor(x, self.first.config.data.shape)
            rates.append([each.set_lr(start + number, factor) for each in self.members])
            found.append(self.steps.train(x, y, self.same_batches))
            sizes.append(self.first.task.batch_weight(y.shape[0 if self.same_batches else 1], y))
            if self.stop.number:
                break
        columns = [torch.stack(each).tolist() for each in zip(*found, strict=True)]
        outcomes: list[list[StepResult]] = [[] for _ in self.members]
        for loss, metric_sum, *norm, n, lr in zip(*columns, sizes, rates, strict=True):
            for r, outcome in enumerate(outcomes):
                outcome.append(StepResult(loss[r], metric_sum[r], n, lr[r], *(each[r] for each in norm)))
        return outcomes

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The epoch's batches from number `start` on, as `stacked_batches` has them."""
        n, data = len(self.samples.train), self.first.config.data
        orders = {seed: epoch_order(n, seed, epoch, data.shuffle, data.reshuffle) for seed in self.seeds}
        augment_seeds = {seed: stream_seed(seed, "augment", epoch) for seed in self.seeds}
        return self.stacked_batches(orders, augment_seeds, start, epoch)

    @property
    def seeds(self) -> list[int]:
        """Of the runs, on the run axis."""
        return [member.settings.seed for member in self.members]

    def stacked_batches(
        self, orders: dict[int, Tensor], augment_seeds: dict[int, int], start: int = 0, epoch: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """(x, y) on the run axis, each run's in its own order; without one where all runs have the same batches.

        orders, augment_seeds: by the run's seed. epoch: whose batches are mixed; None: they are not mixed.
        """
        size, train, seeds = self.first.settings.batch_size, self.samples.train, self.seeds
        streams = {
            seed: self.samples.train_batches(order, size, start, augment_seeds[seed]) for seed, order in orders.items()
        }
        is_mixed = epoch is not None and self.first.mixing is not None
        if epoch is not None:
            members = {member.settings.seed: member for member in self.members}
            streams = {seed: members[seed].mixed(batches, epoch, start) for seed, batches in streams.items()}
        if self.same_batches:
            yield from next(iter(streams.values()))
        elif isinstance(train, Part) and train.crops is None and not is_mixed:
            yield from self.gathered_batches(torch.stack([orders[seed] for seed in seeds]), size, start)
        else:
            for each in zip(*streams.values(), strict=True):
                batch = dict(zip(streams, each, strict=True))
                yield tuple(torch.stack([batch[seed][i] for seed in seeds]) for i in (0, 1))  # type: ignore[misc]

    def gathered_batches(self, orders: Tensor, size: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of all runs, gathered together. orders: (R, samples)."""
        train = self.samples.train
        assert isinstance(train, Part)
        orders = orders.to(train.device)
        for index in orders.split(size, dim=1)[start:]:
            flat = index.flatten()
            x, y = self.samples.prepare(train.x.index_select(0, flat)), train.y.index_select(0, flat)
            yield x.unflatten(0, index.shape), y.unflatten(0, index.shape)

    def end_epoch(self) -> None:
        """Validate all runs, let each end its epoch, and finish those that are complete."""
        with self.clock("eval"):
            validation = self.evaluate("val")
        for member, means in zip(self.members, validation, strict=True):
            if member.ended:
                continue
            member.validation = means
            with self.ending_diverged(member):
                member.end_epoch()
            self.end_if_complete(member)
        if self.active and time.monotonic() - self.saved_s > max(SAVE_EVERY_S, MIN_TRAIN_TO_SAVE * self.saving_s):
            self.save()

    @torch.no_grad()
    def evaluate(self, part: str) -> list[Means]:
        """Loss and metric of every run over every sample of a part."""
        self.first.model.eval()
        self.optimizers.sync_steps()
        found = [Means() for _ in self.members]
        losses, sums, sizes = [], [], []
        with contextlib.ExitStack() as weights:
            for member in self.members:
                weights.enter_context(member.optimizer.evaluation_weights())
            weights.enter_context(self.evaluation_statistics())
            for x, y in self.samples.eval_batches(part, self.first.settings.eval_batch_size):
                loss, metric_sum = self.steps.evaluate(x, y)
                losses.append(loss)
                sums.append(metric_sum)
                sizes.append(self.first.task.batch_weight(len(y), y))
        numbers = (torch.stack(each).tolist() for each in (losses, sums))
        for loss, metric_sum, n in zip(*numbers, sizes, strict=True):
            for r, means in enumerate(found):
                means.add(loss[r], metric_sum[r], n)
        return found

    @contextlib.contextmanager
    def evaluation_statistics(self) -> Iterator[None]:
        """Inside, each run has the running statistics of its evaluation weights, which its trainer gets as well."""
        if not self.first.optimizer.has_evaluation_weights:
            yield
            return
        buffers, (n, size) = self.steps.buffers, (len(self.samples.train), self.first.settings.batch_size)
        kept, step = {name: buffer.clone() for name, buffer in buffers.items()}, self.active[0].progress.step
        orders = {seed: statistics_order(n, size, seed, step) for seed in self.seeds}
        batches = self.stacked_batches(
            orders, {seed: stream_seed(seed, "statistics_augment", step) for seed in self.seeds}
        )
        try:
            self.steps.update_statistics((x for x, _ in batches), self.same_batches)
            for r, member in enumerate(self.members):
                member.weights_to_evaluate.estimate = (
                    step,
                    {name: buffer[r].clone() for name, buffer in buffers.items()},
                )
            yield
        finally:
            for name, buffer in buffers.items():
                buffer.copy_(kept[name])

    @contextlib.contextmanager
    def clock(self, kind: str) -> Iterator[None]:
        """Add each run's share of the block's wall-clock time to its seconds[kind]."""
        start, active = time.perf_counter(), self.active
        yield
        share = (time.perf_counter() - start) / len(active)
        for member in active:
            member.progress.seconds[kind] += share

    @contextlib.contextmanager
    def ending_diverged(self, member: MemberTrainer) -> Iterator[None]:
        """End the run if the block finds that it has diverged."""
        try:
            yield
        except Diverged as error:
            member.divergence = error
            self.end(member)

    def end_if_complete(self, member: MemberTrainer) -> None:
        if not member.ended and member.progress.is_over(member.config.last_epoch):
            self.end(member)

    def end(self, member: MemberTrainer) -> None:
        self.optimizers.sync_steps()
        member.end()
        self.finish(member)

    def save(self) -> None:
        """Write the checkpoints of all runs that have not ended."""
        self.optimizers.sync_steps()
        start = time.monotonic()
        for member in self.active:
            member.save_checkpoints()
        self.saved_s = time.monotonic()
        self.saving_s = self.saved_s - start

    def raise_if_stopped(self) -> None:
        if self.stop.number and self.active:
            self.save()
            raise Interrupted(self.stop.number)
