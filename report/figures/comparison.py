"""Optimizers side by side: each with its best settings, chosen on validation; mean over seeds, and their band."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from report.figures.limits import late_range, readable_range
from report.figures.panel import Line, Panel
from report.figures.series import X_NAMES, Band, By, Curve, check_choice, clock, curve, mean_of
from report.figures.series_style import styles_of
from report.figures.smoothing import ORDER, smoothed, window_for
from report.names import FRACTIONS, name_of
from report.selection import chosen, left_out, legend_names
from report.tables.text import count as counted
from results.run import Run
from results.settings import Setting

BANDS = {"range": "mean and range", "std": "mean ± standard deviation"}


@dataclass(frozen=True)
class CurveOptions:
    """smooth: points of the smoothing filter; 0: none. optimizers: of all settings, also those that are not drawn."""

    by: By
    band: Band
    smooth: int
    optimizers: Sequence[str]


def comparison(
    settings: Iterable[Setting],
    by: By = "epoch",
    *,
    count: int | None = 1,
    band: Band = "range",
    smooth: int = 0,
    diverged: bool = False,
) -> list[Panel]:
    """Panels of training loss and validation metric: each optimizer's `count` best settings (None: all that are given).

    settings: of one task. band: "range" of the seeds or "std". smooth: the window of smoothing.py, in points. An
    optimizer with too few finished settings has unfinished ones drawn as far as they are, and, if `diverged`, those
    with diverged runs, each run to its end. The note names what is left out.
    Raises ValueError for settings of several tasks, or an unknown `by` or `band`.
    """
    every = list(settings)
    check_choice("by", by, By)
    check_choice("band", band, Band)
    tasks = sorted({setting.runs[0].task for setting in every})
    if len(tasks) != 1:
        raise ValueError(f"a comparison is of one task, not of {', '.join(tasks) or 'none'}")
    drawn = chosen(every, count, diverged)
    options = CurveOptions(by, band, smooth, [setting.optimizer for setting in every])
    names, missing = legend_names(drawn, every), left_out(every, drawn)
    panels = [panel(drawn, names, key, options) for key in ("train/loss", f"val/{every[0].metric}")]
    return [replace(each, note=joined(each.note, missing)) for each in panels]


def panel(drawn: Sequence[Setting], names: Sequence[str], key: str, options: CurveOptions) -> Panel:
    """The settings' curves of one key."""
    curves = {id(run): curve(run, key, options.by) for setting in drawn for run in setting.runs}
    name = key.rpartition("/")[2]
    log = name not in FRACTIONS and all(value > 0 for each in curves.values() for value in each.y)
    styles = styles_of([setting.optimizer for setting in drawn], options.optimizers)
    every = [
        line(setting, [curves[id(run)] for run in setting.runs], options, Line(label, style, (), ()), log)
        for setting, label, style in zip(drawn, names, styles, strict=True)
    ]
    lines = [each for each in every if len(each.x) or each.diverged_at]
    smaller_is_better = name == "loss" or any(s.metric == name and s.runs[0].status["better"] == "min" for s in drawn)
    limits, cut = None, ""
    if smaller_is_better:
        limits, cut = readable_range(lines, log)
    elif name in FRACTIONS:
        limits, cut = late_range(lines)
    note = joined(band_note(drawn, options), smoothing_note(lines, options), untimed_note(drawn, options), cut)
    edge = "top" if smaller_is_better else "bottom"
    x_name = X_NAMES[options.by]
    return Panel("", x_name, name_of(key), lines, y_log=log, y_range=limits, note=note, diverged_edge=edge)


def line(setting: Setting, curves: Sequence[Curve], options: CurveOptions, empty: Line, log: bool) -> Line:
    """The setting's mean and band, and where its runs diverged."""
    by_seconds = options.by == "seconds"
    with_points = [(run, each) for run, each in zip(setting.runs, curves, strict=True) if each.x]
    crosses = [
        (seconds_at(run, each.x[-1]) if by_seconds else each.x[-1], each.y[-1])
        for run, each in with_points
        if run.ending == "diverged"
    ]
    pairs = zip(setting.runs, curves, strict=True)
    diverged_at = [end_of(run, options.by) for run, each in pairs if run.ending == "diverged" and not each.x]
    if not with_points:
        return replace(empty, diverged_at=diverged_at)
    clocks = [clock(run) for run, _ in with_points] if by_seconds else []
    mean = mean_of([each for _, each in with_points], options.band, clocks)
    y, low, high = mean.y, mean.low, mean.high
    raw = ()
    if options.smooth and window_for(len(y), options.smooth):
        raw = y.tolist()
        y, low, high = (smoothed(v, options.smooth, log and v.min(initial=1) > 0) for v in (y, low, high))
    x, y, low, high = (values.tolist() for values in (mean.x, y, low, high))
    return replace(empty, x=x, y=y, low=low, high=high, raw=raw, diverged_at=diverged_at, crosses=crosses)


def seconds_at(run: Run, step: float) -> float:
    import numpy

    return float(numpy.interp(step, *clock(run)))


def end_of(run: Run, by: By) -> float:
    """The x at which a run without points diverged."""
    if by == "seconds":
        return (run.status.get("seconds") or {}).get("train", 0.0)
    return (run.status.get("diverged") or {}).get(by, 0)


def band_note(drawn: Sequence[Setting], options: CurveOptions) -> str:
    seeds = [len(setting.runs) for setting in drawn]
    return f"{BANDS[options.band]} of {counted(seeds)} seeds" if max(seeds, default=1) > 1 else ""


def smoothing_note(lines: Sequence[Line], options: CurveOptions) -> str:
    text = f"smoothed (Savitzky-Golay, order {ORDER}, at most {options.smooth} points), raw behind"
    return text if any(len(each.raw) for each in lines) else ""


def untimed_note(drawn: Sequence[Setting], options: CurveOptions) -> str:
    missing = sum(bool(run.rows) and not run.timings for setting in drawn for run in setting.runs)
    return f"{missing} runs without timings left out" if options.by == "seconds" and missing else ""


def joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))
