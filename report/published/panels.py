"""Published learning-rate sweeps and curves as grey lines beside ours: a panel a method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf, isnan

from report.figures.panel import Line, Panel
from report.figures.series_style import DASHES, MARKERS, SeriesStyle, style_of
from report.published.agreement import interval
from report.published.matching import MatchingSetting, curve, matching_setting, of_task, values
from report.published.numbers import UNITS, Block, Published, Row, read_published
from results.run import Run
from results.settings import Setting

Spread = Callable[[Sequence[float]], tuple[float, float]]  # values -> their mean and half a band's width, or nan
GREYS = ("#6e6e6e", "#9a9a9a", "#4d4d4d", "#b5b5b5")


def published_panels(name: str, settings: Sequence[Setting]) -> list[Panel]:
    """A panel for each method that is published as a sweep or a curve and that we have runs of.

    Raises ValueError for an unknown name.
    """
    paper = read_published(name)
    candidates = of_task(paper, settings)
    found: dict[tuple[str, str, str], list[tuple[Block, Row]]] = defaultdict(list)
    for block in paper.numbers:
        for row in block.rows if block.by else ():
            found[block.what, block.by, row.method].append((block, row))
    panels = [panel(paper, method, rows, candidates) for (_, _, method), rows in found.items()]
    return [each for each in panels if each]


def panel(
    paper: Published, method: str, rows: Sequence[tuple[Block, Row]], candidates: Sequence[Setting]
) -> Panel | None:
    """One method: its published lines, and ours on top; None if we have no run of it."""
    block, row = rows[0]
    ours = [line for line in (our_sweep if block.by == "lr" else our_curve)(paper, block, row, candidates)]
    if not ours:
        return None
    styles = grey_styles(ours[0].style, len(rows))
    grey = [published_line(*each, style, len(rows) > 1) for each, style in zip(rows, styles, strict=True)]
    by_rate = block.by == "lr"
    what, _, detail = block.what.partition(", ")
    unit = f" ({'%' if block.unit == 'per cent' else block.unit})" if block.unit else ""
    bands = ["ours 95 % interval"] if any(len(line.low) for line in ours) else []
    bands += ["published ± standard deviation"] if any(len(line.low) for line in grey) else []
    parts = (detail, "grey: published" if len(grey) > 1 else "", f"bands: {', '.join(bands)}" if bands else "")
    note = "; ".join(filter(None, parts))
    x_name, edge = "learning rate" if by_rate else "epoch", "bottom" if block.better == "max" else "top"
    return Panel(method, x_name, what + unit, [*grey, *ours], x_log=by_rate, note=note, diverged_edge=edge)


def grey_styles(ours: SeriesStyle, count: int) -> list[SeriesStyle]:
    """Greys that differ from each other, and from ours, in dash and in marker."""
    dashes = [dash for dash in DASHES if dash != ours.dash]
    markers = [marker for marker in MARKERS if marker != ours.marker]
    return [
        SeriesStyle(GREYS[i % len(GREYS)], dashes[i % len(dashes)], markers[i % len(markers)]) for i in range(count)
    ]


def published_line(block: Block, row: Row, style: SeriesStyle, several: bool) -> Line:
    """A published line, grey; of several of a method each is named by its source."""
    label = block.source.partition(";")[0] if several else "published"
    x = [point.x for point in row.points if point.x is not None]
    y = [point.value for point in row.points]
    if all(point.std is not None for point in row.points):
        spread = [point.std or 0.0 for point in row.points]
        low, high = [a - b for a, b in zip(y, spread, strict=True)], [a + b for a, b in zip(y, spread, strict=True)]
        return Line(label, style, x, y, low, high, markers=True)
    return Line(label, style, x, y, markers=True)


def our_sweep(paper: Published, block: Block, row: Row, candidates: Sequence[Setting]) -> Iterator[Line]:
    """Ours at every learning rate that we have, crosses where runs diverged; with an interval where there are seeds."""
    if reached := settings_by_rate(paper, block, row, candidates):
        yield sweep_line(block, reached, our_label(row, list(reached.values())), our_style(row, candidates))


def settings_by_rate(
    paper: Published, block: Block, row: Row, candidates: Sequence[Setting]
) -> dict[float, MatchingSetting]:
    """Our setting for a method at each learning rate of ours."""
    optims = [ours.optim for ours in row.ours]
    rates = sorted({setting.lr for setting in candidates if setting.optimizer in optims})
    each = {rate: matching_setting(paper, block, row, candidates, rate) for rate in rates}
    return {rate: ours for rate, ours in each.items() if ours}


def sweep_line(
    block: Block,
    reached: Mapping[float, MatchingSetting],
    label: str,
    style: SeriesStyle,
    spread: Spread = interval,
) -> Line:
    """The values by learning rate, with bands of `spread`."""
    diverged_at = [rate for rate, ours in reached.items() if any(run.ending == "diverged" for run in ours.setting.runs)]
    found = {rate: values(block, ours.setting) for rate, ours in reached.items()}
    x = [rate for rate, measured in found.items() if measured]
    y, low, high = banded(block, [found[rate] for rate in x], spread)
    return Line(label, style, x, y, low, high, diverged_at=diverged_at, markers=True)


def our_curve(paper: Published, block: Block, row: Row, candidates: Sequence[Setting]) -> Iterator[Line]:
    """Our curve, the seeds' mean."""
    ours = matching_setting(paper, block, row, candidates)
    done = [run for run in ours.setting.runs if run.ending == "done"] if ours else []
    line = curve_line(block, done, our_label(row, [ours]), our_style(row, candidates)) if ours else None
    if line:
        yield replace(line, markers=block.where == "val")


def curve_line(
    block: Block, runs: Sequence[Run], label: str, style: SeriesStyle, spread: Spread = interval
) -> Line | None:
    """The runs' mean by epoch, as far as all of them are, with bands of `spread`; None where one has no curve."""
    curves = [curve(run, block.where, block.metric) for run in runs]
    length = min(map(len, curves), default=0)
    if not length:
        return None
    convert = UNITS[block.unit]
    x = [place for place, _ in curves[0][:length]]
    y, low, high = banded(block, [[convert(each[i][1]) for each in curves] for i in range(length)], spread)
    return Line(label, style, x, y, low, high)


def our_style(row: Row, candidates: Sequence[Setting]) -> SeriesStyle:
    return style_of(row.ours[0].optim, {setting.optimizer for setting in candidates})


def banded(
    block: Block, columns: Sequence[Sequence[float]], spread: Spread = interval
) -> tuple[list[float], list[float], list[float]]:
    """Means, and both ends of their bands, of shares cut at 0 and 100 %; no ends where nothing has two values."""
    means, halves = zip(*map(spread, columns), strict=True) if columns else ((), ())
    halves = [0.0 if isnan(half) else half for half in halves]
    if not any(halves):
        return list(means), [], []
    least, most = (0.0, 100.0) if block.unit else (-inf, inf)
    low = [max(mean - half, least) for mean, half in zip(means, halves, strict=True)]
    high = [min(mean + half, most) for mean, half in zip(means, halves, strict=True)]
    return list(means), low, high


def our_label(row: Row, ours: Sequence[MatchingSetting]) -> str:
    """`ours`, and what differs from the protocol, as far as a legend has room."""
    differences = list(dict.fromkeys(text for each in ours for text in each.differences))
    differences = ["another method"] if row.differs else differences
    if not differences:
        return "ours"
    more = f" + {len(differences) - 1}" if len(differences) > 1 else ""
    return f"ours ({differences[0]}{more})"
