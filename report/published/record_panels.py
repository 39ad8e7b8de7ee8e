"""Figures of `--against records`: recorded curves and learning-rate sweeps in grey, these runs' on top."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from report.figures.panel import Line, Panel
from report.figures.series_style import SeriesStyle, style_of
from report.published.against_records import Pair, pairs
from report.published.agreement import interval
from report.published.matching import curve
from report.published.panels import grey_styles
from report.selection import setting_names
from results.settings import Setting, best

MOST = 8  # panels of curves


def record_panels(name: str, ours: Sequence[Setting]) -> list[Panel]:
    """A panel of curves for each optimizer's best setting that has a recorded one; one of learning rates for each
    optimizer with two or more."""
    found = pairs(name, ours)
    optimizers = {setting.optimizer for setting in ours}
    chosen = [group[0] for group in best([pair.ours for pair in found]).values()]
    names = dict(zip(map(id, chosen), setting_names(chosen, ours), strict=True))
    curves = [
        curve_panel(pair, names[id(pair.ours)], style_of(pair.ours.optimizer, optimizers))
        for pair in found
        if any(pair.ours is setting for setting in chosen)
    ]
    by_optimizer: dict[str, list[Pair]] = defaultdict(list)
    for pair in found:
        by_optimizer[pair.ours.optimizer].append(pair)
    sweeps = [rates_panel(own, style_of(name, optimizers)) for name, own in by_optimizer.items()]
    return [panel for panel in [*curves[:MOST], *sweeps] if panel.lines]


def curve_panel(pair: Pair, title: str, style: SeriesStyle) -> Panel:
    """Validation by epoch, the means over seeds."""
    metric = pair.ours.metric
    (grey,) = grey_styles(style, 1)
    lines = [*curve_line(pair.recorded, "recorded", grey), *curve_line(pair.ours, ours_label(pair), style)]
    return Panel(title, "epoch", f"validation {metric}", lines if len(lines) == 2 else [])


def curve_line(setting: Setting, label: str, style: SeriesStyle) -> Iterator[Line]:
    curves = [curve(run, "val", setting.metric) for run in setting.runs if run.ending == "done"]
    length = min(map(len, curves), default=0)
    if length:
        columns = [[each[i][1] for each in curves] for i in range(length)]
        yield line_of(label, style, [x for x, _ in curves[0][:length]], columns)


def rates_panel(own: Sequence[Pair], style: SeriesStyle) -> Panel:
    """The last epoch's validation by learning rate; empty where fewer than two rates are comparable."""
    metric = own[0].ours.metric
    comparable = sorted((pair for pair in own if not pair.differences), key=lambda pair: pair.ours.lr)
    finished = [pair for pair in comparable if pair.ours.values("final") and pair.recorded.values("final")]
    rates = [pair.ours.lr for pair in finished]
    if len(set(rates)) < 2 or len(set(rates)) < len(rates):
        return Panel(own[0].ours.optimizer, "learning rate", metric, [])
    (grey,) = grey_styles(style, 1)
    lines = [
        line_of("recorded", grey, rates, [pair.recorded.values("final") for pair in finished]),
        line_of("these runs", style, rates, [pair.ours.values("final") for pair in finished]),
    ]
    return Panel(own[0].ours.optimizer, "learning rate", f"validation {metric}, last epoch", lines, x_log=True)


def line_of(label: str, style: SeriesStyle, x: Sequence[float], columns: Sequence[Sequence[float]]) -> Line:
    """Means with their 95 % intervals, where each has one."""
    means, halves = zip(*map(interval, columns), strict=True)
    if not all(half >= 0 for half in halves):
        return Line(label, style, x, list(means), markers=True)
    low = [mean - half for mean, half in zip(means, halves, strict=True)]
    high = [mean + half for mean, half in zip(means, halves, strict=True)]
    return Line(label, style, x, list(means), low, high, markers=True)


def ours_label(pair: Pair) -> str:
    more = f" + {len(pair.differences) - 1}" if len(pair.differences) > 1 else ""
    return f"these runs ({pair.differences[0]}{more})" if pair.differences else "these runs"
