"""Published figures drawn again: our lines, and the published values as grey marks on them.

`figures` of configs/published/<name>.yaml say which. A figure has all methods of its source; it is drawn as soon as
there is a run of one of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

from report.figures.panel import MARK_COLOUR, Line, Mark, Panel
from report.figures.series_style import DASHES, SeriesStyle, styles_of
from report.figures.smoothing import ORDER, smoothed
from report.published.matching import MatchingSetting, at_place, matching_setting, of_task, same_rate
from report.published.numbers import Block, FigurePanel, Published, PublishedFigure, Row, read_published
from report.published.panels import curve_line, settings_by_rate, sweep_line
from results.settings import Setting

BEST = 3  # rates of each method in a figure of best rates
ANOTHER = "*"  # behind a method's name


@dataclass(frozen=True)
class Series:
    """A line, and our settings behind it; none where there is only a published one."""

    line: Line
    ours: Sequence[MatchingSetting] = ()


def published_figures(name: str, settings: Sequence[Setting]) -> list[tuple[PublishedFigure, list[Panel]]]:
    """The figures of which we have a run, each with its panels. Raises ValueError for an unknown name."""
    paper = read_published(name)
    candidates = of_task(paper, settings)
    found = []
    for figure in paper.figures:
        panels = [panel for each in figure.panels if (panel := figure_panel(paper, figure, each, candidates))]
        found += [(figure, panels)] if panels else []
    return found


def figure_panel(
    paper: Published, figure: PublishedFigure, spec: FigurePanel, candidates: Sequence[Setting]
) -> Panel | None:
    """One pair of axes; None without a run of ours."""
    rows = rows_of(paper, spec)
    styles = styles_of([row.ours[0].optim for _, row in rows])
    series = [
        each
        for (block, row), style in zip(rows, styles, strict=True)
        for each in SERIES[figure.kind](paper, block, row, candidates, style)
    ]
    if not any(each.ours for each in series):
        return None
    lines = labelled(series)
    if spec.smooth:
        lines = [smoothed_line(line, each, spec.smooth) for line, each in zip(lines, series, strict=True)]
    block, by_rate = rows[0][0], figure.kind == "sensitivity"
    unit = f" ({'%' if block.unit == 'per cent' else block.unit})" if block.unit else ""
    return Panel(
        figure.title if len(figure.panels) == 1 else "",
        "learning rate" if by_rate else "epoch",
        block.what.partition(", ")[0] + unit,
        lines,
        x_log=by_rate,
        y_log=spec.y_log,
        y_range=(spec.y_range[0], spec.y_range[1]) if spec.y_range else None,
        note="; ".join(filter(None, [*notes(rows, series), spec.note])),
        diverged_edge="bottom" if block.better == "max" else "top",
    )


def rows_of(paper: Published, spec: FigurePanel) -> list[tuple[Block, Row]]:
    """The rows of a panel, one a method."""
    blocks = {block.name: block for block in paper.numbers}
    found: dict[str, tuple[Block, Row]] = {}
    for block in (blocks[name] for name in spec.blocks):
        for row in block.rows:
            if not spec.methods or row.method in spec.methods:
                found.setdefault(row.method, (block, row))
    return list(found.values())


def curve_series(
    paper: Published, block: Block, row: Row, candidates: Sequence[Setting], style: SeriesStyle
) -> list[Series]:
    ours = matching_setting(paper, block, row, candidates)
    return [series_of(block, row.method, row, ours, style)]


def series_of(block: Block, label: str, row: Row, ours: MatchingSetting | None, style: SeriesStyle) -> Series:
    """Our curve with the row's points as marks, of unfinished runs as far as they are; without one the marks alone."""
    label, marks = label + (ANOTHER if row.differs else ""), marks_of(row)
    if ours is None:
        return marks_alone(f"{label} (published)", row, style)
    done = [run for run in ours.setting.runs if run.ending == "done"]
    unfinished = [run for run in ours.setting.runs if run.ending not in ("done", "diverged")]
    line = curve_line(block, done or unfinished, label, style, deviation)
    if line is None:
        return marks_alone(f"{label} ({'unfinished' if unfinished else 'diverged'})", row, style)
    return Series(replace(line, label=label if done else f"{label} (unfinished)", marks=marks), [ours])


def marks_alone(label: str, row: Row, style: SeriesStyle) -> Series:
    return Series(Line(label, SeriesStyle(MARK_COLOUR, style.dash, style.marker), [], [], marks=marks_of(row)))


def sensitivity_series(
    paper: Published, block: Block, row: Row, candidates: Sequence[Setting], style: SeriesStyle
) -> list[Series]:
    label = row.method + (ANOTHER if row.differs else "")
    reached = settings_by_rate(paper, block, row, candidates)
    if not reached:
        return [marks_alone(f"{label} (published)", row, style)]
    line = sweep_line(block, reached, label, style, deviation)
    return [Series(replace(line, marks=marks_of(row)), list(reached.values()))]


def best_rates_series(
    paper: Published, block: Block, row: Row, candidates: Sequence[Setting], style: SeriesStyle
) -> list[Series]:
    """Our best rates after the last epoch, best first; the published points on the line of their rate."""
    theirs = next((ours.settings["lr"] for ours in row.ours if "lr" in ours.settings), None)
    ours = [replace(each, settings={k: v for k, v in each.settings.items() if k != "lr"}) for each in row.ours]
    any_rate, bare = replace(row, ours=ours), replace(row, ours=ours, points=[])
    reached = settings_by_rate(paper, block, any_rate, candidates)
    best = sorted((score(each.setting), rate) for rate, each in reached.items())[:BEST]
    rates = [rate for key, rate in best if isfinite(key)]
    found = []
    for rate, dash in zip(rates, DASHES, strict=False):
        published = theirs is not None and same_rate(rate, theirs)
        its = SeriesStyle(style.colour, dash, style.marker)
        each = series_of(block, f"{row.method} lr={rate:g}", any_rate if published else bare, reached[rate], its)
        found.append(replace(each, line=replace(each.line, low=(), high=())))  # three bands a method hide each other
    if theirs is not None and not any(same_rate(rate, theirs) for rate in rates):
        found.append(series_of(block, f"{row.method} lr={theirs:g}", row, None, style))
    return found


SERIES: dict[str, Callable[..., list[Series]]] = {
    "curves": curve_series,
    "sensitivity": sensitivity_series,
    "best_rates": best_rates_series,
}


def score(setting: Setting) -> float:
    """The mean of what validation says after the last epoch, negative where more is better; nan without one."""
    found = [value for run in setting.runs if run.ending == "done" for value in at_place(run, "final", setting.metric)]
    mean = statistics.fmean(found) if found else nan
    return -mean if setting.runs[0].status.get("better") == "max" else mean


def marks_of(row: Row) -> list[Mark]:
    return [Mark(point.x, point.value, point.std or 0.0) for point in row.points if point.x is not None]


def deviation(found: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation (of a sample); nan for that of one value."""
    return statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else nan


def labelled(series: Sequence[Series]) -> list[Line]:
    """The lines; those with a difference from the protocol that not all share name the first one."""
    common = shared_differences(series)
    lines = []
    for each in series:
        own = [text for text in differences(each) if text not in common]
        more = f" + {len(own) - 1}" if len(own) > 1 else ""
        lines.append(replace(each.line, label=f"{each.line.label} ({own[0]}{more})") if own else each.line)
    return lines


def differences(series: Series) -> list[str]:
    return list(dict.fromkeys(text for ours in series.ours for text in ours.differences))


def shared_differences(series: Iterable[Series]) -> list[str]:
    every = [differences(each) for each in series if each.ours]
    return [text for text in every[0] if all(text in other for other in every)]


def notes(rows: Sequence[tuple[Block, Row]], series: Sequence[Series]) -> list[str]:
    """What the legend explains once."""
    common = shared_differences(series)
    banded = any(len(each.line.low) or any(mark.spread for mark in each.line.marks) for each in series)
    return [
        "hollow grey: published" if any(each.line.marks for each in series) else "",
        "± standard deviation" if banded else "",
        f"{ANOTHER} another method than published" if any(row.differs for _, row in rows) else "",
        f"ours: {', '.join(common)}" if common else "",
    ]


def smoothed_line(line: Line, series: Series, batches: int) -> Line:
    """A curve of rows a few batches each, filtered; what it was behind it."""
    if not line.y:
        return line
    runs = [run for ours in series.ours for run in ours.setting.runs]
    steps = max(row["step"] for run in runs for row in run.rows if row.get("per") == "epoch")
    window = round(batches * len(line.y) / steps)
    if window <= 1:  # a row is as long
        return line
    import numpy

    return replace(line, y=smoothed(numpy.asarray(line.y), max(window, ORDER + 2)).tolist(), raw=line.y)
