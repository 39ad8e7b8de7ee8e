"""One training step: forward and backward passes, clipping, the optimizer's update.

    amp=bf16         the network runs in bfloat16 where that is safe; weights, loss and optimizer stay in float32
    channels_last    convolutions see their images as (n, height, width, channels)
    compile          full passes run a compiled network; a smaller last one runs the plain one, so nothing recompiles
    cuda_graphs      full passes replay recorded CUDA graphs: no launch costs for small networks
    accumulate=k     a batch goes through the network in k passes whose gradients add up to the batch's

Of several processes each runs its shard of every pass, and their gradients are averaged (runner/train/sharding.py).
All of this uses the same network object, so weights, checkpoints and evaluation do not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from optim.interface import TrainingOptimizer
from results.values import first_line
from runner.config.schema import Settings
from runner.train.acceleration import Compiler, accelerated, compile_network, state_restored
from runner.train.data_parallel import data_parallel
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.forward import Network, forward_with_penalty
from runner.train.norm_tracker import NormTracker
from runner.train.sharding import BatchSharding, Shard
from runner.train.step_timer import StepTimer
from tasks.task import Task


class TrainingStep:
    """Calling it trains the network on one batch.

    print_line: called with one line if the network can't be compiled or recorded. compiler: for compile=true.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: TrainingOptimizer,
        task: Task,
        settings: Settings,
        print_line: Callable[[str], object],
        distributed: DistributedContext = SINGLE_PROCESS,
        compiler: Compiler = compile_network,
    ) -> None:
        self.network, self.optimizer, self.task, self.settings = network, optimizer, task, settings
        self.print_line, self.distributed, self.compiler = print_line, distributed, compiler
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.sharding = BatchSharding(settings.full_pass, distributed.rank, distributed.size)
        self.parallel_network = data_parallel(network, distributed)
        self.full_pass_network: Network = self.parallel_network
        self.is_accelerated = not (settings.compile or settings.cuda_graphs)  # or has failed to be
        self.preparation_s = 0.0  # seconds of compiling or recording, which are not training time
        self.timer = StepTimer(self.parameters[0].device)
        self.gradient_norm: Tensor | None = None  # of the last gradients, before clip_norm; None without
        self.penalty: Tensor | None = None  # of the last gradients, added to their loss; None without

    def __call__(
        self, x: Tensor, y: Tensor, tracker: NormTracker | None = None, batch_size: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Take one step; return the batch's mean loss and sum of the metric, 0-dim on the device.

        batch_size: samples of the whole batch, where x and y are this process's shard of it
        (BatchSharding.local_order). Loss and metric are then the shard's: summed over the processes, the batch's.
        """
        optimizer, n = self.optimizer, len(y) if batch_size is None else batch_size
        loss, metric_sum = self.compute_gradients(x, y, n, tracker)
        batch_loss = self.loss_for_optimizer(self.differentiated(loss))
        closure = (lambda: self.batch_loss(x, y, n)) if optimizer.needs_closure else None
        with tracker.measure_update(optimizer) if tracker else nullcontext(), self.timer:
            optimizer.step(closure, loss=batch_loss)
        return loss, metric_sum

    def compute_gradients(
        self, x: Tensor, y: Tensor, n: int, tracker: NormTracker | None = None
    ) -> tuple[Tensor, Tensor]:
        """Set the gradients of the batch's mean loss, clipped as configured. n: samples of the whole batch."""
        settings = self.settings
        self.optimizer.zero_grad()
        loss, metric_sum = self.backward(x, y, n)
        if tracker:
            tracker.measure_gradients()
        if settings.clip_norm is not None:
            self.gradient_norm = clip_grad_norm_(self.parameters, settings.clip_norm)
        if settings.clip_value is not None:
            clip_grad_value_(self.parameters, settings.clip_value)
        return loss, metric_sum

    def batch_loss(self, x: Tensor, y: Tensor, n: int) -> Tensor:
        """The whole batch's loss, after its gradients are set: what an optimizer's closure returns."""
        return self.distributed.all_reduce(self.differentiated(self.compute_gradients(x, y, n)[0]))

    def differentiated(self, loss: Tensor) -> Tensor:
        """The loss with the network's penalty, whose gradients were computed."""
        return loss if self.penalty is None else loss + self.penalty

    def loss_for_optimizer(self, loss: Tensor) -> Tensor | None:
        """The whole batch's loss for an optimizer that uses it; for others there is no need to communicate."""
        if self.distributed.size == 1 or self.optimizer.uses_loss:
            return self.distributed.all_reduce(loss)
        return None

    def backward(self, x: Tensor, y: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Add the gradient of a batch's mean loss to the parameters', in one or several passes. n: its samples."""
        shards = self.sharding.shards(n)
        sizes = [shard.size for shard in shards]
        losses, metric_sums = [], []
        self.penalty = None
        for shard, x_part, y_part in zip(shards, x.split(sizes), y.split(sizes), strict=True):
            with self.gradient_sync(shard is shards[-1]):
                loss, metric_sum = self.backward_pass(x_part, y_part, shard, n)
            losses.append(loss)
            metric_sums.append(metric_sum)
        if len(shards) == 1:
            return losses[0], metric_sums[0]
        return torch.stack(losses).sum(), torch.stack(metric_sums).sum()

    def gradient_sync(self, enabled: bool) -> AbstractContextManager[None]:
        """Average the gradients over the processes in a backward pass, or accumulate them for a later pass."""
        if enabled or self.distributed.size == 1:
            return nullcontext()
        return self.parallel_network.no_sync()  # type: ignore[operator]

    def backward_pass(self, x: Tensor, y: Tensor, shard: Shard, n: int) -> tuple[Tensor, Tensor]:
        """One pass of `backward`; return its addends to the batch's mean loss and sum of the metric."""
        is_full = shard.pass_size == self.sharding.full_pass
        if is_full and not self.is_accelerated:
            self.accelerate(x, y)
        network = self.full_pass_network if is_full else self.parallel_network
        output, penalty = forward_with_penalty(network, x, self.settings)
        loss, size = self.task.training_loss(output, x, y), self.distributed.size
        if shard.counted * size != n:
            loss = loss * (shard.counted * size / n)
            penalty = None if penalty is None else penalty * (shard.counted * size / n)
        (loss if penalty is None else loss + penalty).backward()
        if penalty is not None:
            self.penalty = penalty.detach() / size + (0 if self.penalty is None else self.penalty)
        metric_sum = self.task.metric_sum(output.detach(), x, y)
        if not shard.counted:
            metric_sum = torch.zeros_like(metric_sum)
        return loss.detach() / size if size > 1 else loss.detach(), metric_sum

    def accelerate(self, x: Tensor, y: Tensor) -> None:
        """Compile or record the network and try it on one pass; keep the plain network if that fails."""
        self.is_accelerated = True
        start = time.perf_counter()
        with state_restored(self.network, self.parameters):
            try:
                fast = accelerated(self.parallel_network, x, self.settings, self.compiler)
                with self.gradient_sync(False):
                    output, penalty = forward_with_penalty(fast, x, self.settings)
                    loss = self.task.training_loss(output, x, y)
                    (loss if penalty is None else loss + penalty).backward()
                self.full_pass_network = fast
            except Exception as error:  # compilers raise many kinds; the plain network raises the user's errors again
                key = "compile" if self.settings.compile else "cuda_graphs"
                reason = first_line(error)
                self.print_line(f"{key}=true does not work for this network ({reason}); training goes on without it")
        self.preparation_s += time.perf_counter() - start
