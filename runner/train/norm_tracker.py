"""What `track=true` records of one step: how long weights, gradients and updates are, in all and layer by layer.

    weight_norm      ||w||, after the step
    gradient_norm    ||g||, before clipping
    update_norm      ||w' - w||, of everything that the step changes (weight decay too)
    effective_step   || w'/||w'|| - w/||w|| ||, how far the direction of the weights turns

All 2-norms. For weights that are followed by a normalisation only the direction counts: the effective step is what
Heo et al. ("AdamP", ICLR 2021, section 2) compare, and the norm's growth is what makes it shrink. What an optimizer
knows beside these comes from `step_metrics`, as optimizer/zeta and so on: Momo's zeta and its cap, the norm of every
momentum (AggMo's velocities are v0, v1, ...), AdamP's and SGDP's projected fraction of the weights.

Values stay on the device until the row is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from optim import ComposedOptimizer


class NormTracker:
    """The norms of one training step of a network; made once, used for each step that has a row."""

    def __init__(self, network: nn.Module) -> None:
        named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.seen: dict[str, Tensor] = {}

    @torch.no_grad()
    def gradients(self) -> None:
        """Look at the gradients as they are now."""
        zero = torch.zeros((), device=self.parameters[0].device)
        norms = [zero if p.grad is None else norm(p.grad) for p in self.parameters]
        self.seen = {}
        self.enter("gradient_norm", norms, joint(norms))

    @contextmanager
    def step(self, optimizer: ComposedOptimizer) -> Iterator[None]:
        """Around the optimizer's step: look at what it does."""
        old = [p.detach().clone() for p in self.parameters]
        yield
        with torch.no_grad():
            self.compare(old)
        self.seen |= {f"optimizer/{name}": value for name, value in optimizer.step_metrics(old).items()}

    def compare(self, old: list[Tensor]) -> None:
        new = [p.detach() for p in self.parameters]
        old_norms, new_norms = [norm(p) for p in old], [norm(p) for p in new]
        updates = [norm(q - p) for p, q in zip(old, new, strict=True)]
        pairs = list(zip(old, new, strict=True))
        turns = [turn(*pair, *norms) for pair, *norms in zip(pairs, old_norms, new_norms, strict=True)]
        before, after = joint(old_norms), joint(new_norms)
        self.enter("weight_norm", new_norms, after)
        self.enter("update_norm", updates, joint(updates))
        self.enter("effective_step", turns, joint([turn(*pair, before, after) for pair in pairs]))

    def enter(self, what: str, by_layer: list[Tensor], in_all: Tensor) -> None:
        self.seen[what] = in_all
        self.seen.update({f"{what}/{name}": value for name, value in zip(self.names, by_layer, strict=True)})


def norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dtype=torch.float32 if x.dtype.itemsize < 4 else None)


def joint(norms: list[Tensor]) -> Tensor:
    """The norm of the vector that all tensors form together."""
    return torch.linalg.vector_norm(torch.stack(norms))


def turn(old: Tensor, new: Tensor, old_norm: Tensor, new_norm: Tensor) -> Tensor:
    """The distance between the directions of two vectors; a zero vector has none and counts as zero."""
    tiny = torch.finfo(old_norm.dtype).tiny
    return norm(new / new_norm.clamp_min(tiny) - old / old_norm.clamp_min(tiny))


def read(values: Mapping[str, Tensor]) -> dict[str, float]:
    """0-dim tensors as numbers: one transfer from the device."""
    if not values:
        return {}
    return dict(zip(values, torch.stack([value.float() for value in values.values()]).tolist(), strict=True))
