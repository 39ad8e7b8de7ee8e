"""The run axis: many optimizers of one kind, on models of one shape, stepped as one program.

    runs = RunAxis([Adam(a.parameters(), lr=0.1), Adam(b.parameters(), lr=0.01), ...])
    update = runs.update()                      pure but for writing in place; torch.vmap and torch.compile take it
    torch.vmap(update)(runs.params, gradients, runs.states, runs.totals, runs.values(), losses, runs.drawn())

Parameters and state are stacked, (R, ...) for R runs, and each optimizer goes on with views of them: what one of them
shows, saves or evaluates is always its own run's present state. The rules are the same lines as for one run; what
differs is their numbers, which enter as (R, ...) tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .compile_backend import overwrite, size_of, unpacked
from .driver import Chain
from .lifts import advance
from .noise import draw
from .rule import Context


class RunAxis:
    """Optimizers of one structure (the same rules and wrappers, numbers apart), each with one group of parameters.

    Raises ValueError where they differ in more than numbers, or have not taken the same number of steps.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        self.chains = list(chains)
        first = self.chains[0]
        if len({structure(chain) for chain in self.chains}) > 1:
            raise ValueError("the optimizers differ in more than numbers")
        self.plan, self.keys = first.plan, list(first.plan.defaults)
        groups = [chain.param_groups[0] for chain in self.chains]
        columns = list(zip(*(group["params"] for group in groups), strict=True))
        self.params = [stacked(column) for column in columns]
        for column, whole in zip(columns, self.params, strict=True):
            for p, view in zip(column, whole, strict=True):
                p.data = view
        self.states: list[dict[str, Tensor]] = []
        ages = {self._take_state(column) for column in columns}
        if len(ages) > 1:
            raise ValueError("the optimizers have not taken the same number of steps")
        self.t = ages.pop()
        self.totals = {key: stacked([group[key] for group in groups]) for key in self.plan.totals}
        for key, whole in self.totals.items():
            for group, view in zip(groups, whole, strict=True):
                group[key] = view

    def _take_state(self, column: Sequence[Tensor]) -> int:
        """Stack the state of one parameter over the runs; return how many steps it has taken."""
        states = []
        for chain, p in zip(self.chains, column, strict=True):
            if not chain.state[p]:
                chain.state[p].update(self.plan.start(p, chain.param_groups[0]))
            states.append(chain.state[p])
        ages = {s["step"] for s in states}
        if len(ages) > 1:
            raise ValueError("the optimizers have not taken the same number of steps")
        whole = {name: stacked([s[name] for s in states]) for name in states[0] if name != "step"}
        for name, x in whole.items():
            for s, view in zip(states, x, strict=True):
                s[name] = view
        self.states.append(whole)
        return ages.pop()

    def tick(self) -> None:
        """Count one more step; before `values` and `drawn` of that step."""
        self.t += 1

    def settle(self) -> None:
        """Let every optimizer know how many steps have been taken."""
        for chain in self.chains:
            for s in chain.state.values():
                s["step"] = self.t

    def values(self) -> Tensor:
        """(R, numbers): each run's hyper-parameters as they are now, float64, on the parameters' device."""
        rows = []
        for chain in self.chains:
            group, row = chain.param_groups[0], []
            for key in self.keys:
                row.extend(group[key] if isinstance(group[key], tuple | list) else [group[key]])
            rows.append([*row, self.t])
        return torch.tensor(rows, dtype=torch.float64).to(self.params[0].device, non_blocking=True)

    def drawn(self) -> list[dict[str, Tensor]]:
        """For each parameter the noise of its stages, (R, ...); what a run draws is what it would draw alone."""
        if not self.plan.draws:
            return [{} for _ in self.params]
        seeds = [chain.param_groups[0]["seed"] for chain in self.chains]
        return [
            {
                name: torch.stack([draw(kind, p, seed, name, i, self.t) for p, seed in zip(whole, seeds, strict=True)])
                for name, kind in self.plan.draws
            }
            for i, whole in enumerate(self.params)
        ]

    def update(self) -> Callable[..., Tensor]:
        """The step of one run, for vmap: writes parameters, state and totals in place, returns the loss."""
        plan, keys = self.plan, self.keys
        group = self.chains[0].param_groups[0]
        sizes = tuple(size_of(group[key]) for key in keys)

        def step(
            ps: list[Tensor],
            gs: list[Tensor],
            states: list[dict[str, Tensor]],
            totals: dict[str, Tensor],
            values: Tensor,
            loss: Tensor,
            drawn: list[dict[str, Tensor]],
        ) -> Tensor:
            numbers, at = unpacked(values, keys, sizes)
            hypers, root = plan.hypers(numbers), {**numbers, **totals}
            items = [
                (p, g, dict(s), hypers, Context(values[at], g, loss, i, noise or None), None)
                for i, (p, g, s, noise) in enumerate(zip(ps, gs, states, drawn, strict=True))
            ]
            advance(items, plan, root)
            for old, item in zip(states, items, strict=True):
                overwrite(old, item[2])
            overwrite(totals, root)
            return loss

        return step


def structure(chain: Chain) -> Any:
    """What optimizers must share to be stacked."""
    (group,) = chain.param_groups
    stages = tuple(
        (type(bound.stage), tuple(value for name, value in vars(bound.stage).items() if name not in bound.names))
        for bound in chain.plan.bounds
    )
    sizes = tuple(size_of(group[key]) for key in chain.plan.defaults)
    return type(chain.spec), stages, sizes, group["maximize"], tuple(p.shape for p in group["params"])


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([x.detach() for x in tensors])
