"""MoMo's adaptive step sizes beside their cap, and how far each optimizer's steps turn the weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from report.figures.choice import labels
from report.figures.looks import LOOKS, look_of
from report.figures.panel import Line, Panel
from report.insight.norms import NAMES
from report.insight.tracked import having, panel, recorded
from results.settings import Setting

ZETA, CAP = "optimizer/zeta", "optimizer/cap"
PART = 20  # of a run's rows, one part in so many is the window of the running median
ZETAS, CAPS = replace(look_of("momo"), dash=()), LOOKS[6]
LARGEST, SMALLEST = 10.0, 1e-3  # of the panels' limits, times the highest median and the lowest


def effective_steps(settings: Iterable[Setting], count: int | None = 1) -> list[Panel]:
    """How far a step turns the vector of all weights, for each optimizer's `count` best settings (None: all)."""
    return panel(settings, "effective_step", NAMES["effective_step"], count, y_log=True)


def adaptive_steps(settings: Iterable[Setting]) -> list[Panel]:
    """zeta, the step that the loss allows, and its cap alpha / rho, in a panel for each of MoMo's settings, by
    learning rate: as Schaipp et al. (ICML 2024) draw them, of the first seed.

    Where zeta lies below the cap it is the step size. Deviation: a running median stands for their medians of epochs.
    """
    drawn = sorted(having(settings, ZETA), key=lambda setting: (setting.optimizer, setting.lr, setting.name))
    found = []
    for optimizer in dict.fromkeys(setting.optimizer for setting in drawn):
        own = [setting for setting in drawn if setting.optimizer == optimizer]
        limits = limits_of(own)
        found += [panel_of(setting, name, limits) for setting, name in zip(own, labels(own, own), strict=True)]
    return found


def panel_of(setting: Setting, name: str, limits: tuple[float, float]) -> Panel:
    """zeta = 0, no step at all, lies on the lower edge."""
    run = setting.runs[0]
    rows = [row for row in run.steps if ZETA in row and CAP in row]
    steps, zeta, cap = ([row[key] for row in rows] for key in ("step", ZETA, CAP))
    below = sum(z < c for z, c in zip(zeta, cap, strict=True)) / len(rows)
    seen, typical, bound = ([min(max(v, limits[0]), limits[1]) for v in each] for each in (zeta, medians(zeta), cap))
    lines = [
        Line("ζ, running median (pale: each step)", ZETAS, steps, typical, ghost=seen),
        Line("its cap α/ρ", CAPS, steps, bound),
    ]
    title = f"{name}: ζ < α/ρ in {below:.0%}"
    note = f"seed {run.seed}; title: how many of the steps have ζ for their step size"
    return Panel(title, "step", "step size", lines, y_log=True, y_range=limits, note=note)


def medians(values: Sequence[float]) -> list[float]:
    """Running medians over a window of a PART of the values, smaller at the ends."""
    from statistics import median

    half = len(values) // PART // 2
    return [median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]


def limits_of(settings: Sequence[Setting]) -> tuple[float, float]:
    """One scale for all panels of an optimizer: caps and medians, and of the values around them what is near."""
    firsts = [setting.runs[0] for setting in settings]
    typical = [value for run in firsts for value in medians(recorded(run, ZETA).y) if value > 0]
    caps = [value for run in firsts for value in recorded(run, CAP).y if value > 0]
    every = [value for run in firsts for value in recorded(run, ZETA).y if value > 0]
    low, high = min([*typical, *caps], default=1.0), max([*typical, *caps], default=1.0)
    return max(min([low, *every]), SMALLEST * low) / 1.5, min(max([high, *every]), LARGEST * high) * 1.5
