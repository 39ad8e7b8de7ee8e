"""Norms of AggMo's velocities, one for each beta."""

from __future__ import annotations

from collections.abc import Iterable

from report.diagnostics.linear_systems import betas_of
from report.diagnostics.tracked import line, note, recorded, rows_per_point, with_key
from report.figures.panel import Panel
from report.figures.series_style import STYLES
from report.selection import chosen, legend_names
from results.settings import Setting


def velocities(settings: Iterable[Setting], count: int | None = 1) -> list[Panel]:
    """A panel for each of AggMo's `count` best settings (None: all), a line for each of its velocities."""
    every = list(settings)
    tried = with_key(every, "optimizer/v0_norm")
    drawn = chosen(tried, count, diverged=True)
    return [panel(setting, name) for setting, name in zip(drawn, legend_names(drawn, every), strict=True)]


def panel(setting: Setting, title: str) -> Panel:
    betas, lines, rows = betas_of(setting.runs[0].config["optim"]), [], 1
    for i in range(len(STYLES)):
        curves = [curve for run in setting.runs if (curve := recorded(run, f"optimizer/v{i}_norm")).x]
        if not curves:
            break
        rows = max(rows, rows_per_point(curves))
        lines.append(line(f"v{i}, β = {betas[i]:.6g}" if i < len(betas) else f"v{i}", STYLES[i], curves))
    log = all(value > 0 for each in lines for value in (*each.y, *each.low))
    return Panel(title, "step", "norm of the velocity", lines, y_log=log, note=note([len(setting.runs)], [rows]))
