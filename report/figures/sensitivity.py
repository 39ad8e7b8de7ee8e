"""Each optimizer's score against a setting, as Schaipp et al. (MoMo, ICML 2024) drew it.

They show the last epoch's score on validation against the learning rate, mean and standard deviation over three seeds.
Ours: the band is the seeds' range by default, and runs that diverged are marked instead of scored.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from math import inf

from report.figures.comparison import BANDS, joined
from report.figures.panel import Line, Panel
from report.figures.series import Band, check_choice
from report.figures.series_style import SeriesStyle, styles_of
from report.figures.swept import Score, larger_is_better, scores
from report.names import FRACTIONS, name_of
from report.tables.table import Table
from report.tables.text import ABSENT, Spread
from report.tables.text import count as counted
from results.settings import Setting
from results.values import format_value, is_number

FEWEST = 3  # values that make a curve
DECADE = 10  # the least factor between first and last value of a logarithmic axis

Scores = dict[str, dict[float, Score]]  # optimizer -> value of the key -> the score there


def sensitivity(settings: Iterable[Setting], key: str = "optim.lr", *, band: Band = "range") -> list[Panel]:
    """One panel: each optimizer's score against a numeric key; none if no optimizer has three values of it.

    settings: of one task. band: "range" of the seeds or "std". Scores are of the last epochs; where other settings vary
    too, of the best setting at each value, with a note. Raises ValueError for a key that is unknown or not numeric.
    """
    check_choice("band", band, Band)
    every = list(settings)
    found = by_value(every, key)
    if not found:
        return []
    first = all_scores(found)[0].setting
    ordered = sorted(found, key=lambda name: best_score(found[name]), reverse=larger_is_better(first))
    styles = styles_of(ordered, {setting.optimizer for setting in every})
    lines = [line(name, found[name], style, band) for name, style in zip(ordered, styles, strict=True)]
    y_name = f"{name_of(f'val/{first.metric}')}, last epoch"
    values = [value for by_rate in found.values() for value in by_rate]
    x_log = min(values) > 0 and max(values) >= DECADE * min(values)
    y_log = first.metric not in FRACTIONS and all(y > 0 for each in lines for y in each.y)
    edge = "bottom" if larger_is_better(first) else "top"
    return [Panel("", name_of(key), y_name, lines, x_log, y_log, note=note(found, band), diverged_edge=edge)]


def sensitivity_table(settings: Iterable[Setting], key: str = "optim.lr") -> Table | None:
    """The figure's numbers: a row a value, a column an optimizer, mean ± standard deviation over the runs done."""
    found = by_value(list(settings), key)
    if not found:
        return None
    columns = list(found.values())
    rows = [
        [format_value(value), *(cell(column[value]) if value in column else ABSENT for column in columns)]
        for value in sorted({value for column in columns for value in column})
    ]
    first = all_scores(found)[0].setting
    title = f"{first.runs[0].task}: validation {first.metric} against {name_of(key)}, last epoch"
    return Table(title, [name_of(key), *found], rows, [f"Means ± standard deviations of {seeds_of(found)} seeds."])


def by_value(settings: Sequence[Setting], key: str) -> Scores:
    """The scores of the optimizers that have at least three values of the key."""
    found = scores(settings, [key], "final")
    every = [value for places in found.values() for (value,) in places]
    odd = next((each for each in every if not is_number(each)), None)
    if odd is not None:
        raise ValueError(f"{key} is no number ({format_value(odd)}): draw it as a heat map")
    sorted_scores = {name: {place[0]: places[place] for place in sorted(places)} for name, places in found.items()}
    return {name: column for name, column in sorted_scores.items() if len(column) >= FEWEST}


def line(name: str, by_rate: dict[float, Score], style: SeriesStyle, band: Band) -> Line:
    reached = {value: score.values for value, score in by_rate.items() if score.values}
    y = [statistics.mean(values) for values in reached.values()]
    bands = [band_around(values, band) for values in reached.values()]
    several = any(len(score.values) > 1 for score in by_rate.values())
    low, high = ([each[i] for each in bands] if several else [] for i in (0, 1))
    diverged_at = [value for value, score in by_rate.items() if score.diverged]
    return Line(name, style, list(reached), y, low, high, diverged_at=diverged_at, markers=True)


def band_around(values: Sequence[float], band: Band) -> tuple[float, float]:
    if band == "range":
        return min(values), max(values)
    mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    return mean - deviation, mean + deviation


def note(found: Scores, band: Band) -> str:
    every, seeds = all_scores(found), seeds_of(found)
    crosses = "×: runs diverged" if any(score.diverged for score in every) else ""
    best_of = "the best of the other settings at each value" if any(score.candidates > 1 for score in every) else ""
    return joined(f"{BANDS[band]} of {seeds} seeds" if seeds != "1" else "", crosses, best_of)


def all_scores(found: Scores) -> list[Score]:
    return [score for by_rate in found.values() for score in by_rate.values()]


def best_score(by_rate: dict[float, Score]) -> float:
    """The best mean over an optimizer's values; where there is none, worse than all."""
    larger = larger_is_better(next(iter(by_rate.values())).setting)
    means = [score.mean for score in by_rate.values() if score.mean is not None]
    return (max if larger else min)(means, default=-inf if larger else inf)


def seeds_of(found: Scores) -> str:
    return counted([len(score.setting.runs) for score in all_scores(found)])


def cell(score: Score) -> str:
    if not score.values:
        return "diverged"
    diverged = f" ({score.diverged} of {len(score.setting.runs)} diverged)" if score.diverged else ""
    return Spread(score.values, after=diverged)
