"""Norms of weights, updates and gradients step by step, and the effective step size.

Heo et al. (AdamP, ICLR 2021) draw the mean norm of scale-invariant weights and the effective step size; here the norms
are of all weights together, or of one layer's.
"""

from __future__ import annotations

from collections.abc import Iterable

from report.diagnostics.tracked import panel
from report.figures.panel import Panel
from results.settings import Setting

NAMES = {"weight_norm": "norm of the weights", "update_norm": "norm of the update"} | {
    "gradient_norm": "norm of the gradient",
    "effective_step": "effective step: turn of the weights",
}


def norms(settings: Iterable[Setting], layer: str = "", count: int | None = 1) -> list[Panel]:
    """Weights, updates, gradients and effective step sizes of each optimizer's `count` best settings (None: all).

    layer: of one parameter only, such as "1.weight". Raises ValueError for one that no run has recorded.
    """
    every = list(settings)
    known = layers(every)
    if layer and known and layer not in known:
        raise ValueError(f"no run has recorded layer {layer}; there are {', '.join(known)}")
    found = []
    for key, name in NAMES.items():
        name = f"{name}, {layer}" if layer else name
        found += panel(every, f"{key}/{layer}" if layer else key, name, count, y_log=key != "weight_norm")
    return found


def layers(settings: Iterable[Setting]) -> list[str]:
    """The parameters whose norms were recorded, in the network's order."""
    keys = (key for setting in settings for run in setting.runs for row in run.steps[:1] for key in row)
    return list(dict.fromkeys(key.removeprefix("weight_norm/") for key in keys if key.startswith("weight_norm/")))


def clipping(settings: Iterable[Setting], count: int | None = 1) -> list[Panel]:
    """Of runs with clip_norm: the share of steps whose gradient was clipped, and the gradient's mean norm before."""
    every = list(settings)
    shares = panel(every, "clipped", "share of steps clipped", count, y_range=(-0.03, 1.03))
    return [*shares, *panel(every, "mean_gradient_norm", "mean norm before clipping", count, y_log=True)]


def projections(settings: Iterable[Setting], count: int | None = 1) -> list[Panel]:
    """AdamP's and SGDP's fraction of weights whose step was projected."""
    return panel(settings, "optimizer/projected", "projected fraction of the weights", count, y_range=(-0.03, 1.03))
