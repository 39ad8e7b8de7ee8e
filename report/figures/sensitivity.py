"""How much a setting matters: the score of each optimizer against it, as Schaipp et al. (MoMo, ICML 2024) drew it.

They show the last epoch's score on validation against the learning rate, mean and standard deviation over three seeds.
Ours: the band is the seeds' range by default, and runs that diverged are marked instead of scored.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from report.figures.axes import FRACTIONS, name_of
from report.figures.choice import text
from report.figures.comparison import KINDS, joined
from report.figures.looks import Look, looks_of
from report.figures.panel import Line, Panel
from report.figures.series import Kind, known
from report.figures.swept import EPOCHS, Score, Which, larger_is_better, scores
from report.tables.table import Table
from report.tables.text import ABSENT, Spread
from report.tables.text import count as counted
from results.settings import Setting

FEWEST = 3  # values that make a curve
DECADE = 10  # the least factor between first and last value of a logarithmic axis

Scores = dict[str, dict[float, Score]]  # optimizer -> value of the key -> the score there


def sensitivity(
    settings: Iterable[Setting], key: str = "optim.lr", *, which: Which = "final", kind: Kind = "range"
) -> list[Panel]:
    """One panel: each optimizer's score against a numeric key; none if no optimizer has three values of it.

    settings: of one task. which: the "final" or the "best" epoch of each run. kind: what the bands are, "range" of the
    seeds or "std". Where other settings vary too, the best of them at each value counts, and the note says so.
    Raises ValueError for a key that is unknown or not numeric.
    """
    known(kind, Kind, "kind")
    found = by_value(list(settings), key, which)
    if not found:
        return []
    looks = looks_of(list(found))
    lines = [line(name, own, look, kind) for (name, own), look in zip(found.items(), looks, strict=True)]
    first = first_of(found)
    y_name = f"{name_of(f'val/{first.metric}')}, {EPOCHS[which]}"
    values = [value for own in found.values() for value in own]
    x_log = min(values) > 0 and max(values) >= DECADE * min(values)
    y_log = first.metric not in FRACTIONS and all(y > 0 for each in lines for y in each.y)
    edge = "bottom" if larger_is_better(first) else "top"
    return [Panel("", name_of(key), y_name, lines, x_log, y_log, note=note(found, kind), lost_at=edge)]


def sensitivity_table(settings: Iterable[Setting], key: str = "optim.lr", *, which: Which = "final") -> Table | None:
    """The figure's numbers: a row a value, a column an optimizer, mean ± standard deviation over the runs done."""
    found = by_value(list(settings), key, which)
    if not found:
        return None
    rows = [
        [text(value), *(cell(own[value]) if value in own else ABSENT for own in found.values())]
        for value in sorted({value for own in found.values() for value in own})
    ]
    first = first_of(found)
    title = f"{first.runs[0].task}: validation {first.metric} against {name_of(key)}, {EPOCHS[which]}"
    return Table(title, [name_of(key), *found], rows, [f"Means ± standard deviations of {seeds_of(found)} seeds."])


def by_value(settings: Sequence[Setting], key: str, which: Which) -> Scores:
    """The scores of the optimizers that have at least three values of the key."""
    found = scores(settings, [key], which)
    every = [value for own in found.values() for (value,) in own]
    odd = next((each for each in every if isinstance(each, bool) or not isinstance(each, (int, float))), None)
    if odd is not None:
        raise ValueError(f"{key} is no number ({text(odd)}): draw it as a heat map")
    sorted_scores = {name: {place[0]: own[place] for place in sorted(own)} for name, own in found.items()}
    return {name: own for name, own in sorted_scores.items() if len(own) >= FEWEST}


def line(name: str, own: dict[float, Score], look: Look, kind: Kind) -> Line:
    reached = {value: score for value, score in own.items() if score.values}
    y = [statistics.mean(score.values) for score in reached.values()]
    low, high = [], []
    if any(len(score.values) > 1 for score in own.values()):
        bands = [band(score.values, kind) for score in reached.values()]
        low, high = [each[0] for each in bands], [each[1] for each in bands]
    lost = [value for value, score in own.items() if score.diverged]
    return Line(name, look, list(reached), y, low, high, lost=lost, markers=True)


def band(values: Sequence[float], kind: Kind) -> tuple[float, float]:
    if kind == "range":
        return min(values), max(values)
    mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    return mean - deviation, mean + deviation


def note(found: Scores, kind: Kind) -> str:
    every = [score for own in found.values() for score in own.values()]
    seeds = seeds_of(found)
    crosses = "×: runs diverged" if any(score.diverged for score in every) else ""
    rivals = "the best of the other settings at each value" if any(score.rivals > 1 for score in every) else ""
    return joined(f"{KINDS[kind]} of {seeds} seeds" if seeds != "1" else "", crosses, rivals)


def seeds_of(found: Scores) -> str:
    return counted([len(score.setting.runs) for own in found.values() for score in own.values()])


def first_of(found: Scores) -> Setting:
    return next(score.setting for own in found.values() for score in own.values())


def cell(score: Score) -> str:
    lost = f"{score.diverged} of {len(score.setting.runs)} diverged"
    if not score.values:
        return "diverged"
    return Spread(score.values, after=f" ({lost})" if score.diverged else "")
