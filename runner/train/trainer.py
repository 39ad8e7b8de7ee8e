"""The training loop. Nothing in it waits for the device between two readings of the losses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from math import isfinite

import torch
from torch import Tensor, nn

from data.samples import Samples
from optim import ComposedOptimizer
from optim.schedules import LRScheduler
from results.run_folder import RunFolder
from runner.config.schema import Config
from runner.train import checkpoint
from runner.train.console import Console
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.metrics_writer import MetricsWriter
from runner.train.norm_tracker import NormTracker, read
from runner.train.progress import Diverged, Means, Progress
from runner.train.seeding import epoch_order, restore_rng_state, rng_state, seed_process, stream_seed
from runner.train.sharding import to_evaluate
from runner.train.signals import Interrupted, StopRequest
from runner.train.status import write_status
from runner.train.step import Steps

LONGEST_CHUNK = 200  # steps between two readings of the device, whatever is logged
LONGEST_CHUNK_S = 5.0  # of several processes: they stop at a chunk's end only, and torchrun kills them after 30 s


class Trainer:
    """Trains one model with one optimizer on one task and writes down how it goes.

    Of several processes each has a Trainer. All take the same decisions, from numbers summed over the processes.
    """

    def __init__(
        self,
        config: Config,
        samples: Samples,
        model: nn.Module,
        optimizer: ComposedOptimizer,
        folder: RunFolder,
        console: Console,
        stop: StopRequest,
        distributed: DistributedContext = SINGLE_PROCESS,
    ) -> None:
        self.config, self.settings, self.task = config, config.settings, config.task
        self.samples, self.model, self.optimizer = samples, model, optimizer
        self.folder, self.console, self.stop, self.distributed = folder, console, stop, distributed
        self.steps = Steps(model, optimizer, self.task, self.settings, console.print, distributed)
        self.step_s = LONGEST_CHUNK_S  # seconds of a step in the slowest process, once known
        self.watch = NormTracker(model) if self.settings.track else None
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.steps_per_epoch = num_batches(len(samples.train), self.settings.batch_size, self.settings.drop_last)
        self.pace = LRScheduler(config.lr_schedule, self.steps_per_epoch, self.settings.epochs)
        self.progress = Progress()
        self.metrics: MetricsWriter

    # --- the run -----------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Train what is left of the epochs; raise Diverged or Interrupted."""
        settings, progress = self.settings, self.progress
        while progress.epoch < settings.epochs and not progress.stopped_early:
            if progress.step_in_epoch == 0 and progress.epoch == settings.epochs - settings.finetune.epochs:
                self.optimizer.set_momentum(settings.finetune.final_mom, warm=settings.finetune.warm)
            self.train_epoch()
            self.end_epoch()
            self.stop_if_asked()

    def train_epoch(self) -> None:
        """Train the open epoch from where it stands to its end."""
        progress, settings = self.progress, self.settings
        epoch = progress.epoch + 1
        sharing = self.steps.sharing
        order = epoch_order(len(self.samples.train), settings.seed, epoch, self.config.data.shuffle)
        order = sharing.order(order, settings.batch_size)
        draws = stream_seed(settings.seed, "augment", epoch)
        taken = sharing.taken(settings.batch_size)
        batches = self.samples.train_batches(order, taken, progress.step_in_epoch, draws)
        self.model.train()
        self.console.start_epoch(epoch, progress.step_in_epoch)
        while progress.step_in_epoch < self.steps_per_epoch:
            steps = min(self.chunk(), self.steps_per_epoch - progress.step_in_epoch)
            before = progress.seconds["train"]
            with progress.clock("train"):
                outcomes, seen = self.train_steps(batches, steps)
            progress.seconds["train"] -= self.steps.preparing_s
            self.steps.preparing_s = 0.0
            self.step_s = self.distributed.max((progress.seconds["train"] - before) / steps)
            self.count(outcomes, seen)
            self.stop_if_asked()
            every = settings.checkpoint
            if every.unit == "step" and progress.step % every.every == 0:
                self.save()

    def stop_if_asked(self) -> None:
        """Stop in all processes, whichever has been asked: signals reach them at different moments."""
        number = int(self.distributed.max(self.stop.number))
        if number and self.progress.epoch < self.settings.epochs:
            self.save()
            raise Interrupted(number)

    def chunk(self) -> int:
        """Steps until the device must be read: for a row, for a checkpoint, or for a look at the losses."""
        step, checkpoints = self.progress.step, self.settings.checkpoint
        steps = LONGEST_CHUNK
        for every in (self.settings.log.every, checkpoints.every if checkpoints.unit == "step" else 0):
            if every:
                steps = min(steps, every - step % every)
        if self.distributed.size > 1:
            steps = min(steps, max(1, int(LONGEST_CHUNK_S / self.step_s)))
        return steps

    def train_steps(
        self, batches: Iterator[tuple[Tensor, Tensor]], steps: int
    ) -> tuple[list[tuple[float, float, int, float]], dict[str, float]]:
        """Train on the next batches; return (mean loss, sum of the metric, samples, lr) of each, read once at the
        end, and what is to be recorded of the last step beside these."""
        first = self.progress.step
        has_row = self.settings.log.every and (first + steps) % self.settings.log.every == 0
        losses, metrics, counted = [], [], []
        for x, y in islice(batches, steps):
            lr = self.pace.set_lr(self.optimizer, self.base_lrs, first + len(losses))
            last, n = len(losses) == steps - 1, self.batch(self.progress.step_in_epoch + len(losses))
            loss, metric_sum = self.steps.train(x, y, self.watch if has_row and last else None, n)
            losses.append(loss)
            metrics.append(metric_sum)
            counted.append((n, lr))
            if self.stop.number and self.distributed.size == 1:
                break
        means, sums = (self.distributed.all_reduce(torch.stack(each)).tolist() for each in (losses, metrics))
        self.progress.add_timed(*self.steps.clock.read())
        outcomes = [(loss, total, n, lr) for loss, total, (n, lr) in zip(means, sums, counted, strict=True)]
        return outcomes, self.observed() if has_row and len(losses) == steps else {}

    def batch(self, number: int) -> int:
        """Samples of an epoch's 0-based batch, in all processes."""
        size = self.settings.batch_size
        return min(size, len(self.samples.train) - number * size)

    def observed(self) -> dict[str, float]:
        """What the task and `track=true` have to say of the step just taken; what is no number is left out."""
        values = {**self.task.observe(self.model), **(self.watch.seen if self.watch else {})}
        return {key: value for key, value in read(values).items() if isfinite(value)}

    def count(self, outcomes: list[tuple[float, float, int, float]], seen: dict[str, float]) -> None:
        """Enter the steps one by one, so that where chunks end changes no row."""
        progress, every = self.progress, self.settings.log.every
        for loss, metric_sum, n, lr in outcomes:
            progress.step += 1
            progress.step_in_epoch += 1
            progress.watch(loss, self.settings.divergence_threshold)
            progress.this_epoch.add(loss, metric_sum, n)
            if every:
                progress.this_interval.add(loss, metric_sum, n)
                if progress.step % every == 0:  # a chunk ends here: `seen` is of this step
                    self.record("train", progress.epoch + 1, progress.this_interval, lr=lr, **seen, per="step")
                    progress.this_interval = Means()
        self.console.update_steps(len(outcomes), progress.this_epoch.loss / progress.this_epoch.samples)

    def end_epoch(self) -> None:
        """Close the epoch: its rows, the validation, what they decide, a checkpoint."""
        progress, metric = self.progress, self.task.metric
        epoch = progress.epoch + 1
        lr = self.base_lrs[0] * self.pace.factor(progress.step - 1)
        train = self.record("train", epoch, progress.this_epoch, lr=lr, per="epoch")
        val = self.record("val", epoch, self.evaluate("val"), lr=lr, per="epoch")
        progress.epoch, progress.step_in_epoch, progress.this_epoch = epoch, 0, Means()
        progress.watch_validation(val["loss"], val[metric], self.settings.divergence_threshold)
        progress.last = {"epoch": epoch, "step": progress.step, "loss": val["loss"], metric: val[metric]}
        progress.epochs_since_best += 1
        if progress.best is None or self.task.is_better(val[metric], progress.best[metric]):
            progress.best, progress.epochs_since_best = dict(progress.last), 0
            self.save_best()
        patience = self.settings.patience
        progress.stopped_early = patience is not None and progress.epochs_since_best > patience
        self.pace.end_epoch(train["loss"], val["loss"])
        progress.tick()
        self.metrics.add_timing({"epoch": epoch, "step": progress.step, **rounded(progress.seconds)})
        every, over = self.settings.checkpoint, epoch == self.settings.epochs or progress.stopped_early
        if over or (every.unit == "epoch" and epoch % every.every == 0):
            self.save()
        else:
            self.metrics.flush()  # whoever looks on sees every finished epoch
        self.tell()
        self.console.end_epoch(
            epoch,
            self.settings.epochs,
            f"train loss {train['loss']:.4f} {metric} {train[metric]:.4f}  "
            f"val loss {val['loss']:.4f} {metric} {val[metric]:.4f}",
            f"val {metric} {val[metric]:.4f}",
        )

    def tell(self) -> None:
        write_status(self.folder, self.task, "running", self.progress)

    # --- evaluation --------------------------------------------------------------------------------------------

    def evaluate(self, part: str, own_weights: bool = False) -> Means:
        """Loss and metric over every sample of a part, "val" or "test", each once, with the weights that the method
        says to use (own_weights: with those of the model)."""
        means = Means()
        losses, sums, sizes = [], [], []
        weights = nullcontext() if own_weights else self.optimizer.evaluation_weights()
        self.model.eval()
        self.distributed.broadcast_buffers(self.model)
        own = to_evaluate(self.samples, part, self.distributed.rank, self.distributed.size)
        with self.progress.clock("eval"), torch.no_grad(), weights:
            for x, y in own.eval_batches(part, self.settings.eval_batch_size):
                if len(y):  # fewer samples than processes leave some of these without
                    loss, metric_sum = self.steps.evaluate(x, y)
                    losses.append(loss)
                    sums.append(metric_sum)
                    sizes.append(len(y))
            numbers = [torch.stack(each).tolist() if each else [] for each in (losses, sums)]
        for loss, total, n in zip(*numbers, sizes, strict=True):
            means.add(loss, total, n)
        loss, total, n = self.distributed.sum_numbers(means.loss, means.metric, means.samples)
        return Means(loss, total, int(n))

    def test(self) -> dict[str, dict[str, float]]:
        """Test the last weights and the best, record both, and leave the best in the model."""
        progress = self.progress
        last = self.record("test", progress.epoch, self.evaluate("test"), weights="last")
        best = checkpoint.load(self.folder.path / "checkpoints" / "best.pt", str(self.samples.device))
        if best is None or progress.best is None:
            raise ValueError(f"{self.folder.path}: checkpoints/best.pt is gone; rerun=true runs from the start")
        self.model.load_state_dict(best["model"])
        means = self.evaluate("test", own_weights=True)  # best.pt holds evaluation weights already
        tested = self.record("test", progress.best["epoch"], means, step=progress.best["step"], weights="best")
        keys = ("loss", self.task.metric)
        results = {"last": {key: last[key] for key in keys}, "best": {key: tested[key] for key in keys}}
        for which, values in results.items():
            if not all(map(isfinite, values.values())):
                raise Diverged(progress.epoch, progress.step, f"test loss with the {which} weights is {values['loss']}")
        return results

    # --- records -----------------------------------------------------------------------------------------------

    def record(self, split: str, epoch: int, means: Means, **more: float | str) -> dict:
        row = {
            "split": split,
            "epoch": epoch,
            "step": self.progress.step,
            **means.means(self.task.metric),
            **more,
        }
        if all(isfinite(value) for value in row.values() if isinstance(value, float)):
            self.metrics.add(row)
        return row

    def save_best(self) -> None:
        if not self.distributed.is_main:
            return
        with self.optimizer.evaluation_weights():
            content = {"model": self.model.state_dict(), **(self.progress.best or {})}
            checkpoint.save(self.folder.path / "checkpoints" / "best.pt", content)

    def save(self) -> None:
        """Write last.pt: rows first, so that a checkpoint never knows of rows that a crash could lose."""
        content = {
            "records": self.metrics.lengths(),
            "progress": self.progress.state_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "pace": self.pace.state_dict(),
            "rng": self.distributed.all_gather(rng_state()),
        }
        if self.distributed.is_main:
            checkpoint.save(self.folder.path / "checkpoints" / "last.pt", content)

    def resume(self, content: dict) -> None:
        """Continue from a checkpoint as if nothing had happened."""
        self.progress = Progress.from_state(content["progress"])
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.pace.load_state_dict(content["pace"])
        rank, states = self.distributed.rank, content["rng"]
        if rank < len(states):
            restore_rng_state(states[rank])
        else:  # the run goes on with more processes than it had
            seed_process(self.settings.seed, rank, self.progress.step)


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {f"{kind}_s": round(value, 4) for kind, value in seconds.items()}


def num_batches(samples: int, batch_size: int, drop_last: bool) -> int:
    return samples // batch_size if drop_last else -(-samples // batch_size)
