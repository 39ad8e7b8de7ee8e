"""Optimizers side by side: each with its best settings, chosen on validation; mean over seeds, and their band."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from report.figures.axes import FRACTIONS, name_of
from report.figures.choice import chosen, labels, left_out
from report.figures.limits import readable_range
from report.figures.looks import looks_of
from report.figures.panel import Line, Panel
from report.figures.series import X_NAMES, By, Curve, Kind, clock, curve, known, mean_of
from report.figures.smoothing import ORDER, WINDOW, smoothed, window_for
from report.tables.text import count as counted
from results.run import Run
from results.settings import Setting

KINDS = {"range": "mean and range", "std": "mean ± standard deviation"}


@dataclass(frozen=True)
class Style:
    """window: points of the smoothing filter; 0 where nothing is smoothed."""

    by: By
    kind: Kind
    window: int


def comparison(
    settings: Iterable[Setting],
    by: By = "epoch",
    keys: Sequence[str] = (),
    *,
    count: int | None = 1,
    kind: Kind = "range",
    smooth: int | bool = False,
    diverged: bool = False,
) -> list[Panel]:
    """A panel a key: each optimizer's `count` best settings (None: all that are given) by epoch, step or seconds.

    settings: of one task. keys: "train/loss", "val/acc", ...; by default training loss and the validation metric.
    kind: what the bands are, "range" of the seeds or "std". smooth: the window of smoothing.py, in points; True
    for its default. An optimizer with too few finished settings has unfinished ones drawn as far as they are,
    and, if `diverged`, those of which runs diverged, each run to where it ended. Whatever is left out, the note says.
    Raises ValueError for settings of several tasks, or an unknown `by` or `kind`.
    """
    every = list(settings)
    known(by, By, "by")
    known(kind, Kind, "kind")
    tasks = sorted({setting.runs[0].task for setting in every})
    if len(tasks) != 1:
        raise ValueError(f"a comparison is of one task, not of {', '.join(tasks) or 'none'}")
    drawn = chosen(every, count, diverged)
    style = Style(by, kind, WINDOW if smooth is True else int(smooth))
    panels = [
        panel(drawn, labels(drawn, every), key, style) for key in keys or ("train/loss", f"val/{every[0].metric}")
    ]
    return [replace(each, note=joined(each.note, left_out(every, drawn))) for each in panels]


def panel(drawn: Sequence[Setting], names: Sequence[str], key: str, style: Style) -> Panel:
    """The settings' curves of one key."""
    curves = {id(run): curve(run, key, style.by) for setting in drawn for run in setting.runs}
    name = key.rpartition("/")[2]
    log = name not in FRACTIONS and all(value > 0 for each in curves.values() for value in each.y)
    looks = looks_of([setting.optimizer for setting in drawn])
    every = [
        line(setting, [curves[id(run)] for run in setting.runs], style, Line(label, look, (), ()), log)
        for setting, label, look in zip(drawn, names, looks, strict=True)
    ]
    lines = [each for each in every if len(each.x) or each.lost]
    falling = name == "loss" or any(s.metric == name and s.runs[0].status["better"] == "min" for s in drawn)
    limits, cut = readable_range(lines, log) if falling else (None, "")
    note = joined(band_note(drawn, style.kind), smoothing_note(lines, style), untimed(drawn, style), cut)
    edge = "top" if falling else "bottom"
    return Panel("", X_NAMES[style.by], name_of(key), lines, y_log=log, y_range=limits, note=note, lost_at=edge)


def line(setting: Setting, curves: Sequence[Curve], style: Style, empty: Line, log: bool) -> Line:
    """The setting's mean and band, and where its runs diverged."""
    broken = [(run, own) for run, own in zip(setting.runs, curves, strict=True) if run.ending == "diverged"]
    lost = [end_of(run, style.by) for run, own in broken if not own.x]
    crosses = [
        (seconds_at(run, own.x[-1]) if style.by == "seconds" else own.x[-1], own.y[-1]) for run, own in broken if own.x
    ]
    there = [each for each in curves if each.x]
    if not there:
        return replace(empty, lost=lost)
    clocks = [clock(run) for run, own in zip(setting.runs, curves, strict=True) if own.x and style.by == "seconds"]
    mean = mean_of(there, style.kind, clocks)
    y, low, high = mean.y, mean.low, mean.high
    smooth = bool(style.window and window_for(len(y), style.window))
    if smooth:
        y, low, high = (smoothed(values, style.window, log and values.min(initial=1) > 0) for values in (y, low, high))
    x, y, low, high = (values.tolist() for values in (mean.x, y, low, high))
    return replace(
        empty, x=x, y=y, low=low, high=high, ghost=mean.y.tolist() if smooth else (), lost=lost, crosses=crosses
    )


def seconds_at(run: Run, step: float) -> float:
    import numpy

    return float(numpy.interp(step, *clock(run)))


def end_of(run: Run, by: By) -> float:
    """Where a run diverged that has no point to show."""
    if by == "seconds":
        return (run.status.get("seconds") or {}).get("train", 0.0)
    return (run.status.get("diverged") or {}).get(by, 0)


def band_note(drawn: Sequence[Setting], kind: Kind) -> str:
    seeds = [len(setting.runs) for setting in drawn]
    return f"{KINDS[kind]} of {counted(seeds)} seeds" if max(seeds, default=1) > 1 else ""


def smoothing_note(lines: Sequence[Line], style: Style) -> str:
    text = f"smoothed (Savitzky-Golay, order {ORDER}, at most {style.window} points), raw behind"
    return text if any(len(each.ghost) for each in lines) else ""


def untimed(drawn: Sequence[Setting], style: Style) -> str:
    missing = sum(bool(run.rows) and not run.timings for setting in drawn for run in setting.runs)
    return f"{missing} runs without timings left out" if style.by == "seconds" and missing else ""


def joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))
