"""The figures of the toy problems."""

from __future__ import annotations

from collections.abc import Sequence

from report.diagnostics.damping import damping_panels
from report.diagnostics.eigenvectors import eigenvector_panels
from report.diagnostics.rates import rate_panels
from report.diagnostics.trajectories import trajectories
from report.figures.panel import Panel
from results.settings import Setting


def problem_figures(tried: Sequence[Setting], count: int | None = 1) -> list[tuple[str, str, Sequence[list[Panel]]]]:
    """(name, caption, the panels of each figure) of every kind of figure of the optimizers' `count` best settings
    (None: all); a kind without data has no figures.
    """
    rates = rate_panels(tried, count)
    return [
        ("paths", "The optimizers' paths.", trajectories(tried, count)),
        ("eigenvectors", "The distance along each eigenvector, setting by setting.", eigenvector_panels(tried, count)),
        ("rates", "The rate of convergence by condition number, theory and runs.", [rates] if rates else []),
        ("damping", "AggMo's velocities along an eigenvector.", damping_panels(tried, count)),
    ]
