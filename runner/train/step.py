"""One step of training and one batch of evaluation, with the switches that make them fast.

    amp=bf16         the network runs in bfloat16 where that is safe; weights, loss and optimizer stay in float32
    channels_last    convolutions see their images as (n, height, width, channels)
    compile          full batches run a compiled network; a smaller last batch runs the plain one, so nothing recompiles
    cuda_graphs      full batches replay a recorded forward and backward pass: no launch costs for small networks
    accumulate=k     a batch goes through the network in k passes whose gradients add up to the batch's

With several processes each runs its shard of every pass, and their gradients are averaged (runner/train/sharding.py).
All of this runs the same network object, so weights, checkpoints and evaluation do not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from optim import ComposedOptimizer
from runner.config.schema import Settings
from runner.train.data_parallel import data_parallel
from runner.train.distributed import SINGLE_PROCESS, DistributedContext
from runner.train.norm_tracker import NormTracker
from runner.train.sharding import BatchSharding, Shard
from runner.train.step_timer import StepTimer
from tasks.task import Task


class Steps:
    """Runs batches through one network.

    say: tells the reader, in one line, of a switch that could not be honoured.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: ComposedOptimizer,
        task: Task,
        settings: Settings,
        say: Callable[[str], None],
        distributed: DistributedContext = SINGLE_PROCESS,
    ) -> None:
        self.network, self.optimizer, self.task, self.settings, self.say = network, optimizer, task, settings, say
        self.distributed = distributed
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.sharing = BatchSharding(settings.full_pass, distributed.rank, distributed.size)
        self.trained = data_parallel(network, distributed)
        self.fast: Callable[[Tensor], Tensor] = self.trained  # for full passes in training
        self.fast_is_ready = not (settings.compile or settings.cuda_graphs)
        self.preparing_s = 0.0  # seconds spent on compiling or recording: no training time
        self.clock = StepTimer(self.parameters[0].device)

    def train(
        self, x: Tensor, y: Tensor, watch: NormTracker | None = None, batch: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Take one optimizer step; return the batch's mean loss and sum of the metric, on the device.

        batch: samples of the whole batch, where x and y are this process's shard of it (BatchSharding.order). The loss
        and the metric are then of the shard: over the processes they add up to the batch's.
        """
        settings, optimizer = self.settings, self.optimizer
        optimizer.zero_grad()
        loss, metric_sum = self.backward(x, y, len(y) if batch is None else batch)
        read = self.loss_to_read(loss)
        if watch:
            watch.gradients()
        if settings.clip_norm is not None:
            clip_grad_norm_(self.parameters, settings.clip_norm)
        if settings.clip_value is not None:
            clip_grad_value_(self.parameters, settings.clip_value)
        with watch.step(optimizer) if watch else nullcontext(), self.clock:
            optimizer.step(loss=read)
        return loss, metric_sum

    def loss_to_read(self, loss: Tensor) -> Tensor | None:
        """The whole batch's loss for an optimizer that reads it; the others need not wait for its sum."""
        if self.distributed.size == 1 or self.optimizer.pipeline.uses_loss:
            return self.distributed.all_reduce(loss)
        return None

    def backward(self, x: Tensor, y: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Add the gradient of the mean loss of a batch of n samples to the parameters'."""
        shares = self.sharing.shares(n)
        sizes = [share.taken for share in shares]
        losses, sums = [], []
        for share, x_part, y_part in zip(shares, x.split(sizes), y.split(sizes), strict=True):
            with self.averaging(share is shares[-1]):
                loss, metric_sum = self.backward_part(x_part, y_part, share, n)
            losses.append(loss)
            sums.append(metric_sum)
        if len(shares) == 1:
            return losses[0], sums[0]
        return torch.stack(losses).sum(), torch.stack(sums).sum()

    def averaging(self, now: bool) -> AbstractContextManager[None]:
        """Average the gradients at the end of a pass (now), or add to them for a later one."""
        return nullcontext() if now or self.distributed.size == 1 else self.trained.no_sync()  # type: ignore[operator]

    def backward_part(self, x: Tensor, y: Tensor, share: Shard, n: int) -> tuple[Tensor, Tensor]:
        """The same for one pass; return its addends to the batch's mean loss and sum of the metric."""
        is_full = share.together == self.sharing.full
        if not self.fast_is_ready and is_full:
            self.make_fast(x, y)
        output = self.forward(self.fast if is_full else self.trained, x)
        loss, size = self.task.loss(output, x, y), self.distributed.size
        if share.counted * size != n:
            loss = loss * (share.counted * size / n)
        loss.backward()
        metric_sum = self.task.metric_sum(output.detach(), x, y)
        if not share.counted:
            metric_sum = torch.zeros_like(metric_sum)
        return loss.detach() / size if size > 1 else loss.detach(), metric_sum

    def evaluate(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss and sum of the metric of a batch, on the device."""
        output = self.forward(self.network, x)
        return self.task.loss(output, x, y), self.task.metric_sum(output, x, y)

    def forward(self, network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The network's output in float32."""
        if self.settings.channels_last and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        if self.settings.amp == "none":
            return network(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            output = network(x)
        return output.float()

    def make_fast(self, x: Tensor, y: Tensor) -> None:
        """Compile the network or record it, and prove it by one pass that leaves no trace; else stay with it."""
        self.fast_is_ready = True
        started = time.perf_counter()
        before = Undo(self.network, self.parameters)
        try:
            self.fast = compiled(self.trained) if self.settings.compile else self.trained
            if self.settings.cuda_graphs:
                self.fast = self.recorded(self.fast, x)
            with self.averaging(False):
                self.task.loss(self.forward(self.fast, x), x, y).backward()
        except Exception as error:  # whatever a compiler can raise; the plain network would raise the user's own
            self.fast = self.trained
            what = "compile" if self.settings.compile else "cuda_graphs"
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.say(f"{what}=true: this network can't be ({reason}); going on without")
        finally:
            before.restore()
            self.preparing_s += time.perf_counter() - started

    def recorded(self, network: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[Tensor], Tensor]:
        """The network's forward and backward pass on batches of x's shape as CUDA graphs."""
        shown = x.contiguous(memory_format=torch.channels_last) if self.settings.channels_last else x.clone()
        amp = self.settings.amp == "bf16"
        # graphs must not reuse the casted weights that autocast would keep from one pass to the next
        with torch.autocast(x.device.type, torch.bfloat16, enabled=amp, cache_enabled=False):
            wrapper = Callee(network)
            return torch.cuda.make_graphed_callables(wrapper, (shown,))  # type: ignore[return-value]


class Callee(nn.Module):
    """A module of its own around a network: recording replaces the wrapper's forward and not the network's."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


def compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    return torch.compile(network, dynamic=False)


class Undo:
    """What a trial pass changes besides gradients: buffers (batch norm's statistics) and random generators."""

    def __init__(self, network: nn.Module, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        self.buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
        self.gradients = [None if p.grad is None else p.grad.clone() for p in parameters]
        self.cpu = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def restore(self) -> None:
        for buffer, value in self.buffers:
            buffer.copy_(value)
        for p, gradient in zip(self.parameters, self.gradients, strict=True):
            p.grad = gradient
        torch.set_rng_state(self.cpu)
        torch.cuda.set_rng_state_all(self.cuda)
