"""MoMo's adaptive step sizes beside their cap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

from report.diagnostics.tracked import recorded, with_key
from report.figures.panel import Line, Panel
from report.figures.series_style import STYLES, style_of
from report.figures.smoothing import running
from report.selection import by_optimizer, legend_names
from results.settings import Setting

ZETA, CAP = "optimizer/zeta", "optimizer/cap"
PARTS = 20  # the window of the running median is one part in so many of a run's rows
ZETA_STYLE, CAP_STYLE = replace(style_of("momo"), dash=()), STYLES[6]
LARGEST, SMALLEST = 10.0, 1e-3  # of the panels' limits, times the highest median and the lowest


def adaptive_steps(settings: Iterable[Setting]) -> list[Panel]:
    """zeta, the step that the loss allows, and its cap alpha / rho, in a panel for each of MoMo's settings, by
    learning rate: as Schaipp et al. (ICML 2024) draw them, of the first seed.

    Where zeta lies below the cap it is the step size. Deviation: a running median stands for their medians of epochs.
    """
    every, panels = list(settings), []
    for group in by_optimizer(with_key(every, ZETA)).values():
        group.sort(key=lambda setting: (setting.lr, setting.runs[0].setting))
        limits = limits_of(group)
        names = legend_names(group, every)
        panels += [panel_of(setting, name, limits) for setting, name in zip(group, names, strict=True)]
    return panels


def panel_of(setting: Setting, label: str, limits: tuple[float, float]) -> Panel:
    """Values beyond the limits, such as zeta = 0, lie on the panel's edge."""
    run = setting.runs[0]
    rows = [row for row in run.steps if ZETA in row and CAP in row]
    steps, zeta, cap = ([row[key] for row in rows] for key in ("step", ZETA, CAP))
    below = sum(z < c for z, c in zip(zeta, cap, strict=True)) / len(rows)
    series = (zeta, running(median, zeta, PARTS), cap)
    raw, middle, bound = ([min(max(value, limits[0]), limits[1]) for value in each] for each in series)
    lines = [
        Line("ζ, running median (pale: each step)", ZETA_STYLE, steps, middle, raw=raw),
        Line("its cap α/ρ", CAP_STYLE, steps, bound),
    ]
    title = f"{label}: ζ < α/ρ in {below:.0%}"
    note = f"seed {run.seed}; title: the share of steps whose step size is ζ"
    return Panel(title, "step", "step size", lines, y_log=True, y_range=limits, note=note)


def limits_of(settings: Sequence[Setting]) -> tuple[float, float]:
    """One scale for all panels of an optimizer: around caps and medians, and single values not far from them."""
    firsts = [setting.runs[0] for setting in settings]
    typical = [value for run in firsts for value in running(median, recorded(run, ZETA).y, PARTS) if value > 0]
    caps = [value for run in firsts for value in recorded(run, CAP).y if value > 0]
    every = [value for run in firsts for value in recorded(run, ZETA).y if value > 0]
    low, high = min([*typical, *caps], default=1.0), max([*typical, *caps], default=1.0)
    return max(min([low, *every]), SMALLEST * low) / 1.5, min(max([high, *every]), LARGEST * high) * 1.5
