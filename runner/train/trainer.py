"""The training loop. Within a chunk of steps nothing waits for the device; losses are read once at the chunk's end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import nn

from data.samples import Samples
from optim.interface import TrainingOptimizer
from optim.schedules import LRScheduler
from results.paths import BEST, LAST, kept_checkpoint
from results.run_folder import RunFolder
from runner.config.schema import Config
from runner.train import checkpoint
from runner.train.console import Console
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.evaluation import evaluate
from runner.train.evaluation_weights import EvaluationWeights
from runner.train.group_rates import GroupRates
from runner.train.metrics_writer import MetricsWriter
from runner.train.norm_tracker import NormTracker, to_floats
from runner.train.progress import Diverged, Means, Progress, StepResult
from runner.train.rng import epoch_order
from runner.train.seeding import stream_seed
from runner.train.signals import Interrupted, StopRequest
from runner.train.state import TrainState
from runner.train.status import write_status
from runner.train.step import TrainingStep
from runner.train.throughput import Throughput

if TYPE_CHECKING:
    from data.samples import Batches

MAX_CHUNK = 200  # steps
MAX_CHUNK_S = 5.0  # of several processes, which stop at a chunk's end only: torchrun kills them after 30 s


class Trainer:
    """Trains one model with one optimizer on one task and records the run in its folder.

    Each of several processes has a Trainer. All make the same decisions, from numbers summed over the processes.
    """

    def __init__(
        self,
        config: Config,
        samples: Samples,
        model: nn.Module,
        optimizer: TrainingOptimizer,
        folder: RunFolder,
        console: Console,
        stop: StopRequest,
        distributed: DistributedContext = SINGLE_PROCESS,
    ) -> None:
        self.config, self.settings, self.task = config, config.settings, config.task
        self.samples, self.model, self.optimizer = samples, model, optimizer
        self.folder, self.console, self.stop, self.distributed = folder, console, stop, distributed
        self.step = TrainingStep(model, optimizer, self.task, self.settings, console.print, distributed)
        self.tracker = NormTracker(model) if self.settings.track else None
        self.throughput = Throughput(samples.decoding, samples.device, distributed.size)
        self.mixing = self.task.mixing(config.data.classes)
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.group_rates = GroupRates(config, optimizer.param_groups)
        self.steps_per_epoch = num_batches(len(samples.train), self.settings.batch_size, self.settings.drop_last)
        length = self.settings.epochs_to_train, self.settings.first_epoch
        self.scheduler = LRScheduler(config.lr_schedule, self.steps_per_epoch, *length)
        self.progress = Progress()
        self.state = TrainState(model, optimizer, self.scheduler, self.progress, self.settings.seed, distributed)
        self.step_s = MAX_CHUNK_S  # seconds of a step in the slowest process, once measured
        self.weights_to_evaluate = EvaluationWeights(model, optimizer, samples, self.settings, self.step.sharding)
        self.metrics: MetricsWriter

    def fit(self) -> None:
        """Train the epochs that are left, or those up to a pause. Raises Diverged or Interrupted."""
        settings, progress = self.settings, self.progress
        while progress.epoch < self.config.last_epoch and not progress.stopped_early:
            if progress.step_in_epoch == 0 and progress.epoch == settings.epochs - settings.finetune.epochs:
                self.optimizer.set_momentum(settings.finetune.final_mom, warm=settings.finetune.warm)
            self.train_epoch()
            self.end_epoch()
            self.raise_if_stopped()

    def train_epoch(self) -> None:
        """Train the current epoch from its next step to its end."""
        progress, checkpoints = self.progress, self.settings.checkpoint
        batches = self.train_batches()
        self.model.train()
        if progress.step_in_epoch == 0 and hasattr(self.model, "reset_state"):
            self.model.reset_state()  # type: ignore[operator]
        self.console.start_epoch(progress.epoch + 1, progress.step_in_epoch)
        while progress.step_in_epoch < self.steps_per_epoch:
            results, extra = self.train_chunk(batches, self.chunk_size())
            self.record_steps(results, extra)
            self.throughput.report(self.console.print, progress.step_in_epoch == self.steps_per_epoch)
            self.raise_if_stopped()
            if checkpoints.unit == "step" and progress.step % checkpoints.every == 0:
                self.save()

    def train_batches(self) -> Batches:
        """This process's shards (x, y) of the current epoch's batches, from its next step on."""
        settings, sharding, pairs = self.settings, self.step.sharding, self.mixing is not None
        epoch, start, data = self.progress.epoch + 1, self.progress.step_in_epoch, self.config.data
        order = epoch_order(len(self.samples.train), settings.seed, epoch, data.shuffle, data.reshuffle)
        order = sharding.local_order(order, settings.batch_size, pairs)
        seed = stream_seed(settings.seed, "augment", epoch)
        batch_size = sharding.local_size(settings.batch_size, pairs)
        return self.mixed(self.samples.train_batches(order, batch_size, start, seed), epoch, start)

    def mixed(self, batches: Batches, epoch: int, start: int) -> Batches:
        """The batches as the task mixes them. start: the number of the first in the 1-based epoch."""
        if self.mixing is None:
            yield from batches
            return
        for number, (x, y) in enumerate(batches, start):
            draw = self.mixing.draw(stream_seed(self.settings.seed, "mix", epoch, number))
            x_pair, y_pair = (self.step.sharding.pairs(each, self.batch_size(number)) for each in (x, y))
            yield self.mixing.mix(x_pair, y_pair, draw)

    def chunk_size(self) -> int:
        """Steps until losses must be read: for a row, for a checkpoint, at the epoch's end."""
        step, checkpoints = self.progress.step, self.settings.checkpoint
        steps = min(MAX_CHUNK, self.steps_per_epoch - self.progress.step_in_epoch)
        for every in (self.settings.log.every, checkpoints.every if checkpoints.unit == "step" else 0):
            if every:
                steps = min(steps, every - step % every)
        if self.distributed.size > 1:
            steps = min(steps, max(1, int(MAX_CHUNK_S / self.step_s)))
        return steps

    def train_chunk(self, batches: Batches, steps: int) -> tuple[list[StepResult], dict[str, float]]:
        """`train_steps`, timed; compiling and recording the network do not count as training."""
        progress = self.progress
        before = progress.seconds["train"]
        with progress.timer("train"):
            results = self.train_steps(batches, steps)
        progress.seconds["train"] -= self.step.preparation_s
        self.step.preparation_s = 0.0
        self.step_s = self.distributed.max((progress.seconds["train"] - before) / steps)
        return results

    def train_steps(self, batches: Batches, steps: int) -> tuple[list[StepResult], dict[str, float]]:
        """Train on the next batches; return each step's result and the extra metrics of the last, if it has a row."""
        first = self.progress.step
        has_row = self.settings.log.every and (first + steps) % self.settings.log.every == 0
        losses, metric_sums, batch_infos, norms = [], [], [], []
        for x, y in islice(batches, steps):
            lr = self.set_lr(first + len(losses), self.task.lr_factor(x, self.config.data.shape))
            is_last, n = len(losses) == steps - 1, self.batch_size(self.progress.step_in_epoch + len(losses))
            weight = self.task.batch_weight(n, y)
            with self.throughput.step(len(y)):
                loss, metric_sum = self.step(x, y, self.tracker if has_row and is_last else None, n)
            losses.append(loss)
            metric_sums.append(metric_sum)
            batch_infos.append((weight, lr))
            if self.step.gradient_norm is not None:
                norms.append(self.step.gradient_norm)
            if self.stop.number and self.distributed.size == 1:
                break
        values = [self.distributed.all_reduce(torch.stack(each)).tolist() for each in (losses, metric_sums)]
        values.append(torch.stack(norms).tolist() if norms else [None] * len(losses))  # equal in all processes
        self.progress.add_optimizer_time(*self.step.timer.read())
        rows = zip(*values, batch_infos, strict=True)
        results = [StepResult(loss, total, weight, lr, norm) for loss, total, norm, (weight, lr) in rows]
        return results, self.extra_metrics() if has_row and len(losses) == steps else {}

    def set_lr(self, step: int, factor: float = 1.0) -> float:
        """Give every param group its learning rate for the 0-based step, times `factor`; return the run's own without
        it."""
        self.scheduler.set_lr(self.optimizer, [lr * factor for lr in self.base_lrs], step)
        return self.group_rates.lr * self.scheduler.factor(step)

    def batch_size(self, number: int) -> int:
        """Samples of an epoch's 0-based batch, over all processes."""
        size = self.settings.batch_size
        return min(size, len(self.samples.train) - number * size)

    def extra_metrics(self) -> dict[str, float]:
        """Finite values of the last step from the task and, with track=true, the norm tracker."""
        values = {**self.task.observe(self.model), **(self.tracker.values if self.tracker else {})}
        return {key: value for key, value in to_floats(values).items() if isfinite(value)}

    def record_steps(self, results: Sequence[StepResult], extra: dict[str, float]) -> None:
        """Count steps one by one, so that the size of chunks changes no row. extra: metrics of the last step's row."""
        progress, every = self.progress, self.settings.log.every
        for result in results:
            progress.add_step(result, self.settings.divergence_threshold, self.settings.clip_norm)
            if every and progress.step % every == 0:  # the last step of a chunk
                means, clipping = progress.end_interval()
                rates = self.group_rates.columns(self.scheduler.factor(progress.step - 1))
                self.add_row("train", progress.epoch + 1, means, lr=result.lr, **rates, **clipping, **extra, per="step")
        self.console.update_steps(len(results), progress.this_epoch.loss / progress.this_epoch.samples)

    def end_epoch(self) -> None:
        """Validate, write the epoch's rows, select the best weights, and save a checkpoint if it is due."""
        progress, settings, metric = self.progress, self.settings, self.task.metric
        epoch = progress.epoch + 1
        factor = self.scheduler.factor(progress.step - 1)
        lr, rates = self.group_rates.lr * factor, self.group_rates.columns(factor)
        train = self.add_row("train", epoch, progress.this_epoch, lr=lr, **rates, per="epoch")
        val = self.add_row("val", epoch, self.evaluate("val"), lr=lr, **rates, per="epoch")
        progress.end_epoch()
        progress.check_validation(val["loss"], val[metric], settings.divergence_threshold)
        if progress.update_best({key: val[key] for key in ("loss", metric)}, metric, self.task.is_better):
            self.save_best()
        progress.val_losses += (val["loss"],)
        progress.stopped_early = settings.patience is not None and progress.epochs_since_best > settings.patience
        if self.optimizer.end_epoch(progress.val_losses):
            self.console.print(progress.begin_average(settings.branch.weights == "evaluation"))
        self.scheduler.end_epoch(train["loss"], val["loss"])
        progress.update_total()
        self.metrics.add_timing(epoch, progress.step, progress.seconds)
        is_over = epoch == self.config.last_epoch or progress.stopped_early
        if is_over or (settings.checkpoint.unit == "epoch" and epoch % settings.checkpoint.every == 0):
            self.save()
        else:
            self.metrics.flush()  # readers of the files see every finished epoch
        if settings.checkpoint.keeps(epoch):
            self.keep_checkpoint()
        self.write_status()
        self.console.end_epoch(epoch, settings.epochs, train, val, metric)

    def evaluate(self, part: str, evaluation_weights: bool = True) -> Means:
        """Means over "val" or "test" with the optimizer's evaluation weights, such as an average; else the model's."""
        weights = self.evaluation_weights() if evaluation_weights else nullcontext()
        with self.progress.timer("eval"), weights:
            return evaluate(self.model, self.task, self.samples, part, self.settings, self.distributed)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Inside, the model has the weights to evaluate with and the running statistics that belong to them."""
        return self.weights_to_evaluate.loaded(self.progress.step)

    def test(self) -> dict[str, dict[str, float]]:
        """Test the last weights and the best, {"last": means, "best": means}, and leave the best in the model."""
        progress = self.progress
        last = self.add_row("test", progress.epoch, self.evaluate("test"), weights="last")
        checksum = progress.best_checksum if self.distributed.is_main else None
        content = checkpoint.load(self.folder.path / BEST, str(self.samples.device), checksum)
        if content is None or progress.best is None:
            raise ValueError(f"{self.folder.path / BEST} is missing; {checkpoint.RERUN}")
        self.model.load_state_dict(content["model"])
        means = self.evaluate("test", evaluation_weights=False)  # best.pt holds evaluation weights
        best = self.add_row("test", progress.best["epoch"], means, step=progress.best["step"], weights="best")
        keys = ("loss", self.task.metric)
        results = {"last": {key: last[key] for key in keys}, "best": {key: best[key] for key in keys}}
        for name, values in results.items():
            if not all(map(isfinite, values.values())):
                raise Diverged(progress.epoch, progress.step, f"test loss with the {name} weights is {values['loss']}")
        return results

    def add_row(self, split: str, epoch: int, means: Means, **more: float | str) -> dict:
        """Write a row of metrics.jsonl, unless a value is not finite, and return it."""
        values = means.means(self.task.metric, self.task.values_of_loss)
        row = {"split": split, "epoch": epoch, "step": self.progress.step, **values, **more}
        if all(isfinite(value) for value in row.values() if isinstance(value, float)):
            self.metrics.add(row)
        return row

    def write_status(self) -> None:
        write_status(self.folder, self.task, "running", self.progress)

    def raise_if_stopped(self) -> None:
        """Save and raise Interrupted in all processes if one got a signal; they arrive at different times."""
        number = int(self.distributed.max(self.stop.number))
        if number and self.progress.epoch < self.settings.epochs:
            self.save()
            raise Interrupted(number)

    def save_best(self) -> None:
        """Write best.pt with the weights to evaluate with."""
        with self.evaluation_weights():
            if self.distributed.is_main:
                content = {"model": self.model.state_dict(), **(self.progress.best or {})}
                self.progress.best_checksum = checkpoint.save(self.folder.path / BEST, content)

    def save(self) -> None:
        """Write last.pt. Rows are flushed first, so that a crash loses none that the checkpoint counts."""
        known = {"file_lengths": self.metrics.lengths(), "samples": self.samples.fingerprint}
        content = {**known, **self.state.state_dict()}
        if self.distributed.is_main:
            checkpoint.save(self.folder.path / LAST, content)

    def keep_checkpoint(self) -> None:
        """Write epoch=<n>.pt, from which other runs can start."""
        content = self.state.state_dict()
        if self.distributed.is_main:
            checkpoint.save(self.folder.path / kept_checkpoint(self.progress.epoch), content)


def num_batches(samples: int, batch_size: int, drop_last: bool) -> int:
    return samples // batch_size if drop_last else -(-samples // batch_size)
