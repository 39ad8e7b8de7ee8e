"""Metrics of a step that has been taken: norms of momentum buffers, and what a method reports of itself."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .arithmetic import dot
from .backends import working
from .pipeline import PipelineOptimizer
from .transform import Context, ReportsMetrics, Transform


def step_metrics(optimizer: PipelineOptimizer, old: list[Tensor]) -> dict[str, Tensor]:
    """0-dim tensors by name, of the method's transforms. old: every parameter as it was before the step."""
    root, before = optimizer.param_groups[0], iter(old)
    pairs = [(p, q, group) for group in optimizer.param_groups for p, q in zip(group["params"], before, strict=False)]
    found: dict[str, Tensor] = {}
    for transform in (bound.transform for bound in optimizer.pipeline.bound_transforms if not bound.is_wrapper):
        sums: dict[str, Tensor] = {}
        for p, q, group in pairs:
            if p.grad is not None and (s := optimizer.state.get(p)):
                ctx = Context(s["step"], working(p.grad))
                for name, term in _terms(transform, working(q), s, group, ctx).items():
                    sums[name] = sums[name] + term if name in sums else term
        if sums and isinstance(transform, ReportsMetrics):
            found |= transform.metrics(sums, root, root)
        else:
            found |= {f"{name}_norm": total.sqrt() for name, total in sums.items()}
    return found


def _terms(transform: Transform, p: Tensor, s: dict[str, Any], h: dict[str, Any], ctx: Context) -> dict[str, Tensor]:
    if isinstance(transform, ReportsMetrics):
        return transform.metric_terms(p, s, h, ctx)
    buffers = {name: s[name] for name in transform.momentum_buffers(h)}
    return {name: dot(x, x) for name, x in buffers.items() if x.ndim or not p.ndim}
