"""The loop of a stack: as runner.train.trainer has it for one run, with the steps of all taken together.

Each run has its folder, rows, best weights and checkpoints. One that diverges or stops early is finished there and
then, while the others go on. Checkpoints are written for all runs at a time, and take at most a twentieth of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from data.samples import Part, Samples
from optim.runaxis import RunAxis
from runner.sweep.stacked.program import Program
from runner.sweep.stacked.trainer import StackedTrainer
from runner.train.progress import Diverged, Means, StepResult
from runner.train.rng import epoch_order
from runner.train.seeding import stream_seed
from runner.train.signals import Interrupted, StopRequest

SAVE_SHARE = 20  # times as long as saving took, the stack trains before it saves again
SAVE_EVERY_S = 5.0


class Stack:
    """Runs of one structure that stand at the same step.

    finish: called once for each run that has ended, to test it and write its results.
    """

    def __init__(
        self,
        runs: Sequence[StackedTrainer],
        samples: Samples,
        stop: StopRequest,
        finish: Callable[[StackedTrainer], None],
        form: str = "vmap",
    ) -> None:
        self.runs, self.samples, self.stop, self.finish = list(runs), samples, stop, finish
        self.first = self.runs[0]
        self.axis = RunAxis([run.optimizer for run in self.runs])
        networks = [run.model for run in self.runs]
        self.program = Program(networks, self.axis, self.first.task, self.first.settings, form)
        seeds = {run.settings.seed for run in self.runs}
        self.shared = len(seeds) == 1
        self.saved, self.saving_s = time.monotonic(), 0.0

    @property
    def active(self) -> list[StackedTrainer]:
        return [run for run in self.runs if not run.over]

    def train(self) -> None:
        """Train until every run has ended; raise Interrupted, everything saved, if asked to stop."""
        for run in self.runs:
            self.end_if_through(run)  # killed between its last epoch and its test
        while self.active:
            self.train_epoch()
            if self.active:
                self.close_epoch()
            self.stop_if_asked()

    def train_epoch(self) -> None:
        progress = self.active[0].progress
        batches = self.batches(progress.epoch + 1, progress.step_in_epoch)
        self.first.model.train()
        while self.active and self.active[0].progress.step_in_epoch < self.first.steps_per_epoch:
            leader = self.active[0]
            steps = leader.chunk_size()
            with self.clock("train"):
                outcomes = self.train_steps(batches, steps)
            for run, own in zip(self.runs, outcomes, strict=True):
                if not run.over:
                    self.guarded(run, lambda run=run, own=own: run.record_steps(own, {}))
            self.stop_if_asked()

    def train_steps(self, batches: Iterator[tuple[Tensor, Tensor]], steps: int) -> list[list[StepResult]]:
        """Take steps; for each run (mean loss, sum of the metric, samples, lr) of each, read once at the end."""
        begun = self.active[0].progress.step
        losses, sums, sizes, rates = [], [], [], []
        for number in range(steps):
            x, y = next(batches)
            rates.append([run.pace.set(run.optimizer, run.base_lrs, begun + number) for run in self.runs])
            loss, metric_sum = self.program.step(x, y, self.shared)
            losses.append(loss)
            sums.append(metric_sum)
            sizes.append(y.shape[-1])
            if self.stop.number:
                break
        rows = zip(*(torch.stack(each).tolist() for each in (losses, sums)), sizes, rates, strict=True)
        columns: list[list[StepResult]] = [[] for _ in self.runs]
        for loss, total, n, lr in rows:
            for r, column in enumerate(columns):
                column.append(StepResult(loss[r], total[r], n, lr[r]))
        return columns

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(x, y) on the run axis, each run's in its own order; without one where all runs see the same."""
        size, train = self.first.settings.batch_size, self.samples.train
        seeds = [run.settings.seed for run in self.runs]
        shuffle = self.first.config.data.shuffle
        orders = {seed: epoch_order(len(train), seed, epoch, shuffle) for seed in dict.fromkeys(seeds)}
        streams = {
            seed: self.samples.train_batches(order, size, start, stream_seed(seed, "augment", epoch))
            for seed, order in orders.items()
        }
        if self.shared:
            yield from next(iter(streams.values()))
        elif isinstance(self.samples.train, Part) and self.samples.train.crops is None:
            yield from self.gathered(torch.stack([orders[seed] for seed in seeds]), size, start)
        else:
            for each in zip(*streams.values(), strict=True):
                batch = dict(zip(streams, each, strict=True))
                yield tuple(torch.stack([batch[seed][i] for seed in seeds]) for i in (0, 1))  # type: ignore[misc]

    def gathered(self, orders: Tensor, size: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every run's batch in one gather."""
        train = self.samples.train
        assert isinstance(train, Part)
        orders = orders.to(train.device)
        for index in orders.split(size, dim=1)[start:]:
            flat = index.flatten()
            x, y = self.samples.prepare(train.x.index_select(0, flat)), train.y.index_select(0, flat)
            yield x.unflatten(0, index.shape), y.unflatten(0, index.shape)

    def close_epoch(self) -> None:
        """Validate all runs, let each close its epoch, and finish those that are through."""
        with self.clock("eval"):
            means = self.evaluate("val")
        for run, own in zip(self.runs, means, strict=True):
            if run.over:
                continue
            run.validation = own
            self.guarded(run, run.end_epoch)
            self.end_if_through(run)
        since, spent = time.monotonic() - self.saved, self.saving_s
        if self.active and since > max(SAVE_EVERY_S, SAVE_SHARE * spent):
            self.save()

    @torch.no_grad()
    def evaluate(self, part: str) -> list[Means]:
        """Loss and metric of every run over every sample of a part."""
        self.first.model.eval()
        self.axis.settle()
        found = [Means() for _ in self.runs]
        losses, sums, sizes = [], [], []
        with contextlib.ExitStack() as weights:
            for run in self.runs:
                weights.enter_context(run.optimizer.evaluation_weights())
            for x, y in self.samples.eval_batches(part, self.first.settings.eval_batch_size):
                loss, metric_sum = self.program.evaluate(x, y)
                losses.append(loss)
                sums.append(metric_sum)
                sizes.append(len(y))
        numbers = (torch.stack(each).tolist() for each in (losses, sums))
        for loss, total, n in zip(*numbers, sizes, strict=True):
            for r, means in enumerate(found):
                means.add(loss[r], total[r], n)
        return found

    @contextlib.contextmanager
    def clock(self, kind: str) -> Iterator[None]:
        """Each run's share of the time that all take together."""
        start, active = time.perf_counter(), self.active
        yield
        share = (time.perf_counter() - start) / len(active)
        for run in active:
            run.progress.seconds[kind] += share

    def guarded(self, run: StackedTrainer, work: Callable[[], None]) -> None:
        """Work that may find that the run has diverged, which ends it."""
        try:
            work()
        except Diverged as error:
            run.error = error
            self.end(run)

    def end_if_through(self, run: StackedTrainer) -> None:
        if not run.over and (run.progress.epoch >= run.settings.epochs or run.progress.stopped_early):
            self.end(run)

    def end(self, run: StackedTrainer) -> None:
        self.axis.settle()
        run.over = True
        if run.error:
            run.write_best()  # its last weights are no longer those of a checkpoint
        else:
            run.write()
        self.keep(run)
        self.finish(run)

    def keep(self, run: StackedTrainer) -> None:
        """Give a run that has ended weights of its own: testing loads its best ones, and the stack goes on."""
        for p in run.model.parameters():
            p.data = p.data.clone()
        for buffer in run.model.buffers():
            buffer.data = buffer.data.clone()

    def save(self) -> None:
        self.axis.settle()
        start = time.monotonic()
        for run in self.active:
            run.write()
        self.saved = time.monotonic()
        self.saving_s = self.saved - start

    def stop_if_asked(self) -> None:
        if self.stop.number and self.active:
            self.save()
            raise Interrupted(self.stop.number)
