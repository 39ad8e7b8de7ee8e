"""One step of training, and one batch of evaluation, of R runs at once, in one of three forms:

    vmap        torch.func: gradients and update of one run, mapped over the run axis
    autograd    the forward pass mapped, one ordinary backward pass of the sum of the losses, the update mapped
    compile     the first as one graph by torch.compile

All call the same model, task and update rules as a run by itself. The runs' losses do not depend on each other, so the
gradient of their sum holds the gradient of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from optim.compile_backend import compiled_apart
from optim.stacked import StackedOptimizers, stacked
from optim.statistics import update_statistics
from runner.config.schema import Settings
from tasks.task import Task

FORMS = ("vmap", "autograd", "compile")


class StackedSteps:
    """Steps of R models of one structure with their stacked optimizers.

    models: in the order of the run axis. form: one of FORMS. Batches smaller than `batch_size` are not compiled for.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        optimizers: StackedOptimizers,
        task: Task,
        settings: Settings,
        form: str = "vmap",
    ) -> None:
        self.model, self.optimizers, self.task, self.settings = models[0], optimizers, task, settings
        self.form = form
        name_of = {p: name for name, p in self.model.named_parameters()}
        groups = optimizers.optimizers[0].param_groups
        self.names = [name_of[p] for group in groups for p in group["params"]]  # in the order of optimizers.params
        self.buffers = stack_buffers(models)
        self.update = optimizers.update()
        self.compiled: dict[bool, Callable[..., Any]] = {}  # by same_batch

    def train(self, x: Tensor, y: Tensor, same_batch: bool) -> tuple[Tensor, ...]:
        """Train every run on its batch; return (R,) mean losses, sums of the metric and, with clip_norm, the norms of
        the gradients before clipping.

        x, y: (R, n, ...), or (n, ...) where all runs have the same batch.
        """
        optimizers = self.optimizers
        optimizers.advance()
        state = optimizers.params, self.buffers, optimizers.states, optimizers.global_state
        is_full = y.shape[0 if same_batch else 1] == self.settings.batch_size
        return self.step_function(same_batch, is_full)(*state, optimizers.values(), optimizers.noise(), x, y)

    def step_function(self, same_batch: bool, is_full: bool) -> Callable[..., Any]:
        batch_dim = None if same_batch else 0
        if self.form == "autograd":
            return self.autograd_step(batch_dim)
        mapped = vmap(self.step_of_one, in_dims=(0, 0, 0, 0, 0, 0, batch_dim, batch_dim))
        if self.form == "vmap" or not is_full:
            return mapped
        if same_batch not in self.compiled:
            self.compiled[same_batch] = compiled_apart(lambda *args: mapped(*args), dynamic=False)
        return self.compiled[same_batch]

    def step_of_one(
        self,
        params: list[Tensor],
        buffers: dict[str, Tensor],
        states: Any,
        totals: Any,
        values: Tensor,
        drawn: Any,
        x: Tensor,
        y: Tensor,
    ) -> tuple[Tensor, ...]:
        """The step of one run, for vmap; the arguments after the buffers are those of StackedOptimizers.update."""
        gradients, (loss, metric_sum) = grad_and_value(self.training_loss, has_aux=True)(params, buffers, x, y)
        norm = self.clipped_update(params, list(gradients), states, totals, values, loss, drawn)
        return loss, metric_sum, *norm

    def autograd_step(self, batch_dim: int | None) -> Callable[..., Any]:
        forward = vmap(self.training_loss, in_dims=(0, 0, batch_dim, batch_dim))
        update = vmap(self.clipped_update)

        def step(
            params: list[Tensor],
            buffers: Any,
            states: Any,
            totals: Any,
            values: Tensor,
            drawn: Any,
            x: Tensor,
            y: Tensor,
        ) -> tuple[Tensor, ...]:
            leaves = [p.detach().requires_grad_() for p in params]
            with torch.enable_grad():
                losses, sums = forward(leaves, buffers, x, y)
            gradients = torch.autograd.grad(losses.sum(), leaves)
            losses = losses.detach()
            norms = update(params, list(gradients), states, totals, values, losses, drawn)
            return losses, sums, *norms

        return step

    def clipped_update(self, params: list[Tensor], gradients: list[Tensor], *rest: Any) -> tuple[Tensor, ...]:
        """One run's update by its gradients, clipped as by torch.nn.utils.clip_grad_norm_ and clip_grad_value_.

        Return their norm before clipping with clip_norm, nothing without. rest: of StackedOptimizers.update.
        """
        max_norm, max_value, norms = self.settings.clip_norm, self.settings.clip_value, []
        if max_norm is not None:
            norms = [torch.stack([g.norm() for g in gradients]).norm()]
            factor = (max_norm / (norms[0] + 1e-6)).clamp(max=1.0)
            gradients = [g * factor for g in gradients]
        if max_value is not None:
            gradients = [g.clamp(-max_value, max_value) for g in gradients]
        self.update(params, gradients, *rest)
        return tuple(norms)

    def training_loss(
        self, params: Sequence[Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One run's mean loss of a training step, and the sum of its metric."""
        output = self.forward(params, buffers, x)
        return self.task.training_loss(output, x, y), self.task.metric_sum(output.detach(), x, y)

    def loss(self, params: Sequence[Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One run's mean loss of an evaluation, and the sum of its metric."""
        output = self.forward(params, buffers, x)
        return self.task.loss(output, x, y), self.task.metric_sum(output.detach(), x, y)

    def forward(self, params: Sequence[Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        tensors = {**dict(zip(self.names, params, strict=True)), **buffers}
        if self.settings.amp == "none":
            return functional_call(self.model, tensors, (x,))
        with torch.autocast(x.device.type, torch.bfloat16):
            output = functional_call(self.model, tensors, (x,))
        return output.float()

    def evaluate(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(R,) mean losses and sums of the metric of a batch that all runs have."""
        return vmap(self.loss, in_dims=(0, 0, None, None))(self.optimizers.params, self.buffers, x, y)

    def update_statistics(self, inputs: Iterable[Tensor], same_batch: bool) -> None:
        """Estimate every run's running statistics at its present weights. inputs: as x of `train`."""
        mapped = vmap(self.forward, in_dims=(0, 0, None if same_batch else 0))
        params, buffers = self.optimizers.params, self.buffers
        update_statistics(self.model, inputs, lambda x: mapped(params, buffers, x), buffers.values())


def stack_buffers(models: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The models' buffers on the run axis; each model continues with views of them."""
    found = {}
    for name, _ in models[0].named_buffers():
        found[name] = stacked([model.get_buffer(name) for model in models])
        for model, view in zip(models, found[name], strict=True):
            model.get_buffer(name).data = view
    return found
