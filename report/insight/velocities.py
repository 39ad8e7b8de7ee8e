"""AggMo's velocities: how long each is, the slow ones with a large beta and the fast ones with a small."""

from __future__ import annotations

from collections.abc import Iterable

from report.figures.choice import chosen, labels
from report.figures.looks import LOOKS
from report.figures.panel import Panel
from report.insight.tracked import having, line, note, recorded, width
from results.settings import Setting


def velocities(settings: Iterable[Setting], count: int | None = 1) -> list[Panel]:
    """A panel for each of AggMo's `count` best settings (None: all), a line for each of its velocities."""
    tried = having(settings, "optimizer/v0_norm")
    drawn = chosen(tried, count, diverged=True)
    return [panel(setting, name) for setting, name in zip(drawn, labels(drawn, tried), strict=True)]


def panel(setting: Setting, title: str) -> Panel:
    betas, lines, rows = betas_of(setting), [], 1
    for i in range(len(LOOKS)):
        curves = [curve for run in setting.runs if (curve := recorded(run, f"optimizer/v{i}_norm")).x]
        if not curves:
            break
        rows = max(rows, width(curves))
        lines.append(line(f"v{i}, β = {betas[i]:.6g}" if i < len(betas) else f"v{i}", LOOKS[i], curves))
    log = all(value > 0 for each in lines for value in (*each.y, *each.low))
    return Panel(title, "step", "norm of the velocity", lines, y_log=log, note=note([len(setting.runs)], [rows]))


def betas_of(setting: Setting) -> list[float]:
    """As configured, or of the exponential form: 1 - a^i."""
    own = setting.runs[0].config["optim"]
    if "betas" in own:
        return own["betas"]
    return [1 - own["a"] ** i for i in range(own["k"])] if {"a", "k"} <= own.keys() else []
