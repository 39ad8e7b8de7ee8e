"""Stacked runs: many optimizers of one kind, on models of one shape, stepped as one program.

    runs = StackedOptimizers([Adam(a.parameters(), lr=0.1), Adam(b.parameters(), lr=0.01), ...])
    update = runs.update()                      writes in place; torch.vmap and torch.compile take it
    runs.advance()
    torch.vmap(update)(runs.params, gradients, runs.states, runs.global_state, runs.values(), losses, runs.noise())

Parameters and state are stacked, (R, ...) for R runs, and each optimizer goes on with views of them: what one of them
shows, saves or evaluates is always its own run's present state. The transforms are the same lines as for one run; what
differs is their numbers, which enter as (R, ...) tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .backends import ParameterUpdate, apply_pipeline
from .noise import draw
from .optimizer import ComposedOptimizer
from .packing import packed, size_of, unpacked
from .transform import Context


class StackedOptimizers:
    """Optimizers of one structure: the same transforms, wrappers and parameter groups, numbers apart.

    Raises ValueError where they differ in more than numbers, or have not taken the same number of steps.
    """

    def __init__(self, optimizers: Sequence[ComposedOptimizer]) -> None:
        self.optimizers = list(optimizers)
        first = self.optimizers[0]
        if len({structure(optimizer) for optimizer in self.optimizers}) > 1:
            raise ValueError("the optimizers differ in more than numbers")
        self.pipeline, self.keys = first.pipeline, list(first.pipeline.defaults)
        roots = [optimizer.param_groups[0] for optimizer in self.optimizers]  # these hold the global state
        columns = list(zip(*map(_params, self.optimizers), strict=True))
        self.params = [stacked(column) for column in columns]
        for column, whole in zip(columns, self.params, strict=True):
            for p, view in zip(column, whole, strict=True):
                p.data = view
        self.states: list[dict[str, Tensor]] = []
        places = [number for number, group in enumerate(first.param_groups) for _ in group["params"]]
        ages = {self._take_state(column, group) for column, group in zip(columns, places, strict=True)}
        if len(ages) > 1:
            raise ValueError("the optimizers have not taken the same number of steps")
        self.t = ages.pop()
        self.global_state = {key: stacked([root[key] for root in roots]) for key in self.pipeline.global_state}
        for key, whole in self.global_state.items():
            for root, view in zip(roots, whole, strict=True):
                root[key] = view

    def _take_state(self, column: Sequence[Tensor], group: int) -> int:
        """Stack the state of one parameter, of the group of this number, over the runs; return how many steps it has
        taken."""
        states = []
        for optimizer, p in zip(self.optimizers, column, strict=True):
            if not optimizer.state[p]:
                optimizer.state[p].update(self.pipeline.init(p, optimizer.param_groups[group]))
            states.append(optimizer.state[p])
        ages = {s["step"] for s in states}
        if len(ages) > 1:
            raise ValueError("the optimizers have not taken the same number of steps")
        whole = {name: stacked([s[name] for s in states]) for name in states[0] if name != "step"}
        for name, x in whole.items():
            for s, view in zip(states, x, strict=True):
                s[name] = view
        self.states.append(whole)
        return ages.pop()

    def advance(self) -> None:
        """Count one more step; before `values` and `noise` of that step."""
        self.t += 1

    def sync_steps(self) -> None:
        """Write the count of steps into every optimizer's state."""
        for optimizer in self.optimizers:
            for s in optimizer.state.values():
                s["step"] = self.t

    def values(self) -> Tensor:
        """(R, numbers): each run's hyper-parameters as they are now, group by group, and the count of steps; float64,
        on the parameters' device."""
        rows = [
            [*(x for group in optimizer.param_groups for x in packed(group, self.keys)), self.t]
            for optimizer in self.optimizers
        ]
        return torch.tensor(rows, dtype=torch.float64).to(self.params[0].device, non_blocking=True)

    def noise(self) -> list[dict[str, Tensor]]:
        """For each parameter the noise by transform, (R, ...); what a run draws is what it would draw alone."""
        if not self.pipeline.noises:
            return [{} for _ in self.params]
        seeds = [[g["seed"] for g in optimizer.param_groups for _ in g["params"]] for optimizer in self.optimizers]
        return [
            {
                name: torch.stack(
                    [draw(kind, p, seed[i], name, i, self.t) for p, seed in zip(whole, seeds, strict=True)]
                )
                for name, kind in self.pipeline.noises
            }
            for i, whole in enumerate(self.params)
        ]

    def update(self) -> Callable[..., Tensor]:
        """The step of one run, for vmap: writes parameters and all state in place, returns the loss."""
        pipeline, keys = self.pipeline, self.keys
        groups = self.optimizers[0].param_groups
        sizes = [[size_of(group[key]) for key in keys] for group in groups]
        lengths = [len(group["params"]) for group in groups]

        def step(
            ps: list[Tensor],
            gs: list[Tensor],
            states: list[dict[str, Tensor]],
            global_state: dict[str, Tensor],
            values: Tensor,
            loss: Tensor,
            noise: list[dict[str, Tensor]],
        ) -> Tensor:
            numbers, at = [], 0
            for of_group in sizes:
                found, length = unpacked(values[at:], keys, of_group)
                numbers.append(found)
                at += length
            every = [hypers for each, n in zip(numbers, lengths, strict=True) for hypers in [pipeline.hypers(each)] * n]
            updates = [
                ParameterUpdate(p, g, s, hypers, Context(values[at], g, loss, drawn), i)
                for i, (p, g, s, hypers, drawn) in enumerate(zip(ps, gs, states, every, noise, strict=True))
            ]
            apply_pipeline(updates, pipeline, {**numbers[0], **global_state})
            return loss

        return step


def structure(optimizer: ComposedOptimizer) -> Any:
    """What optimizers must share to be stacked."""
    transforms = tuple(
        (type(bound.transform), tuple(x for name, x in vars(bound.transform).items() if name not in bound.names))
        for bound in optimizer.pipeline.bound_transforms
    )
    groups = tuple(
        (
            tuple(size_of(group[key]) for key in optimizer.pipeline.defaults),
            group["maximize"],
            tuple(p.shape for p in group["params"]),
        )
        for group in optimizer.param_groups
    )
    return type(optimizer.config), transforms, groups


def _params(optimizer: ComposedOptimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([x.detach() for x in tensors])
