"""`track=true`: norms of weights, gradients and updates at one step, over all parameters and for each.

    weight_norm      ||w||, after the step
    gradient_norm    ||g||, before clipping
    update_norm      ||w' - w||, of everything that the step changes, weight decay included
    effective_step   || w'/||w'|| - w/||w|| ||, the change of the weights' direction

All are 2-norms. For weights that a normalisation follows only the direction counts: the effective step is what Heo et
al. ("AdamP", ICLR 2021, section 2) compare, and growing norms make it shrink. The optimizer's own values come from its
`step_metrics` under optimizer/: Momo's zeta and cap, the norm of each momentum buffer (AggMo's are v0, v1, ...), the
fraction of weights that AdamP and SGDP project, Prodigy's estimate d.

Values stay on the device until `to_floats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from optim.interface import TrainingOptimizer


class NormTracker:
    """Measures one training step at a time. values: of the last step, 0-dim tensors by their key in metrics.jsonl."""

    def __init__(self, network: nn.Module) -> None:
        named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.values: dict[str, Tensor] = {}

    @torch.no_grad()
    def measure_gradients(self) -> None:
        """Start a step's values with the norms of the current gradients."""
        zero = torch.zeros((), device=self.parameters[0].device)
        norms = [zero if p.grad is None else norm(p.grad) for p in self.parameters]
        self.values = {}
        self.set("gradient_norm", norms, total_norm(norms))

    @contextmanager
    def measure_update(self, optimizer: TrainingOptimizer) -> Iterator[None]:
        """Measure what the optimizer's step inside this context changes."""
        old = [p.detach().clone() for p in self.parameters]
        yield
        with torch.no_grad():
            self.compare(old)
        before = dict(zip(self.parameters, old, strict=True))  # the optimizer's groups are in another order
        in_groups = [before[p] if p in before else p for group in optimizer.param_groups for p in group["params"]]
        self.values |= {f"optimizer/{name}": value for name, value in optimizer.step_metrics(in_groups).items()}

    def compare(self, old: list[Tensor]) -> None:
        """Set the values that depend on the weights before and after the step."""
        pairs = [(before, p.detach()) for before, p in zip(old, self.parameters, strict=True)]
        old_norms, new_norms = [norm(before) for before, _ in pairs], [norm(after) for _, after in pairs]
        updates = [norm(after - before) for before, after in pairs]
        changes = [direction_change(*pair, *norms) for pair, *norms in zip(pairs, old_norms, new_norms, strict=True)]
        old_total, new_total = total_norm(old_norms), total_norm(new_norms)
        self.set("weight_norm", new_norms, new_total)
        self.set("update_norm", updates, total_norm(updates))
        total_change = total_norm([direction_change(*pair, old_total, new_total) for pair in pairs])
        self.set("effective_step", changes, total_change)

    def set(self, key: str, by_parameter: list[Tensor], total: Tensor) -> None:
        self.values[key] = total
        self.values.update({f"{key}/{name}": value for name, value in zip(self.names, by_parameter, strict=True)})


def norm(x: Tensor) -> Tensor:
    """2-norm, in float32 at least."""
    return torch.linalg.vector_norm(x, dtype=torch.float32 if x.dtype.itemsize < 4 else None)


def total_norm(norms: list[Tensor]) -> Tensor:
    """Norm of the concatenation of tensors with these norms."""
    return torch.linalg.vector_norm(torch.stack(norms))


def direction_change(old: Tensor, new: Tensor, old_norm: Tensor, new_norm: Tensor) -> Tensor:
    """||new/new_norm - old/old_norm||; the direction of a zero vector is zero."""
    tiny = torch.finfo(old_norm.dtype).tiny
    return norm(new / new_norm.clamp_min(tiny) - old / old_norm.clamp_min(tiny))


def to_floats(values: Mapping[str, Tensor]) -> dict[str, float]:
    """0-dim tensors as numbers, by one transfer from the device."""
    if not values:
        return {}
    return dict(zip(values, torch.stack([value.float() for value in values.values()]).tolist(), strict=True))
