"""The program of a stack: a step of training, and an evaluation, of R runs at once.

    vmap        torch.func: gradients and update of one run, mapped over the run axis
    autograd    the forward pass mapped, one ordinary backward pass of the summed losses, the update mapped
    compile     the first as one graph by torch.compile

All call the same network, task and rules as a run alone. The runs' losses do not depend on each other, so the
gradient of their sum is each run's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from optim.compile_backend import compiled_apart
from optim.stacked import StackedOptimizers, stacked
from runner.config.schema import Settings
from tasks.task import Task

FORMS = ("vmap", "autograd", "compile")


class Program:
    """R networks of one shape with their StackedOptimizers.

    networks: in the order of the axis. form: one of FORMS. A batch smaller than `batch_size` is not compiled for.
    """

    def __init__(
        self, networks: Sequence[nn.Module], axis: StackedOptimizers, task: Task, settings: Settings, form: str = "vmap"
    ) -> None:
        self.network, self.axis, self.task, self.settings = networks[0], axis, task, settings
        self.names = [name for name, _ in self.network.named_parameters()]
        self.buffers = stack_buffers(networks)
        self.update = axis.update()
        self.form = form
        self.compiled: dict[bool, Callable[..., Any]] = {}

    def step(self, x: Tensor, y: Tensor, shared: bool) -> tuple[Tensor, Tensor]:
        """Train every run on its batch; return (R,) mean losses and sums of the metric.

        x, y: (R, n, ...), or (n, ...) where all runs see the same batch (shared).
        """
        axis = self.axis
        axis.advance()
        state = axis.params, self.buffers, axis.states, axis.global_state, axis.values(), axis.noise()
        full = y.shape[-1] == self.settings.batch_size
        return self.chosen(shared, full)(*state, x, y)

    def chosen(self, shared: bool, full: bool) -> Callable[..., Any]:
        batch = None if shared else 0
        if self.form == "autograd":
            return self.by_autograd(batch)
        mapped = vmap(self.one_run, in_dims=(0, 0, 0, 0, 0, 0, batch, batch))
        if self.form == "vmap" or not full:
            return mapped
        if shared not in self.compiled:
            self.compiled[shared] = compiled_apart(lambda *args: mapped(*args), dynamic=False)
        return self.compiled[shared]

    def one_run(
        self,
        ps: list[Tensor],
        bs: dict[str, Tensor],
        states: Any,
        totals: Any,
        values: Tensor,
        drawn: Any,
        x: Tensor,
        y: Tensor,
    ) -> tuple[Tensor, Tensor]:
        gradients, (loss, metric_sum) = grad_and_value(self.loss, has_aux=True)(ps, bs, x, y)
        self.update(ps, self.clipped(list(gradients)), states, totals, values, loss, drawn)
        return loss, metric_sum

    def by_autograd(self, batch: int | None) -> Callable[..., Any]:
        forward = vmap(self.loss, in_dims=(0, 0, batch, batch))
        after = vmap(self.clipped_update)

        def step(
            ps: list[Tensor], bs: Any, states: Any, totals: Any, values: Tensor, drawn: Any, x: Tensor, y: Tensor
        ) -> Any:
            leaves = [p.detach().requires_grad_() for p in ps]
            with torch.enable_grad():
                losses, sums = forward(leaves, bs, x, y)
            gradients = torch.autograd.grad(losses.sum(), leaves)
            losses = losses.detach()
            after(ps, list(gradients), states, totals, values, losses, drawn)
            return losses, sums

        return step

    def clipped_update(self, ps: Any, gs: Any, states: Any, totals: Any, values: Any, loss: Any, drawn: Any) -> Tensor:
        return self.update(ps, self.clipped(gs), states, totals, values, loss, drawn)

    def loss(self, ps: Sequence[Tensor], bs: dict[str, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One run's mean loss, and the sum of the metric beside it."""
        output = self.forward(ps, bs, x)
        return self.task.loss(output, x, y), self.task.metric_sum(output.detach(), x, y)

    def forward(self, ps: Sequence[Tensor], bs: dict[str, Tensor], x: Tensor) -> Tensor:
        tensors = {**dict(zip(self.names, ps, strict=True)), **bs}
        if self.settings.amp == "none":
            return functional_call(self.network, tensors, (x,))
        with torch.autocast(x.device.type, torch.bfloat16):
            output = functional_call(self.network, tensors, (x,))
        return output.float()

    def clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        """As torch.nn.utils.clip_grad_norm_ and clip_grad_value_ have it."""
        bound, most = self.settings.clip_norm, self.settings.clip_value
        if bound is not None:
            norm = torch.stack([g.norm() for g in gradients]).norm()
            factor = (bound / (norm + 1e-6)).clamp(max=1.0)
            gradients = [g * factor for g in gradients]
        return [g.clamp(-most, most) for g in gradients] if most is not None else gradients

    def evaluate(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(R,) mean losses and sums of the metric on a batch that all runs see."""
        return vmap(self.loss, in_dims=(0, 0, None, None))(self.axis.params, self.buffers, x, y)


def stack_buffers(networks: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The networks' buffers on the run axis; each network goes on with views."""
    found = {}
    for name, _ in networks[0].named_buffers():
        whole = found[name] = stacked([network.get_buffer(name) for network in networks])
        for network, view in zip(networks, whole, strict=True):
            network.get_buffer(name).data = view
    return found
