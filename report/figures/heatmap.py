"""Heat maps as data: the score over two swept settings of an optimizer. heatmap_drawing.py draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from report.figures.swept import Score, larger_is_better, scores
from report.names import name_of
from results.settings import Setting
from results.values import format_value, is_number

Cell = tuple[int, int]  # row, column


@dataclass(frozen=True)
class Grid:
    """scores[row][column]: at y_values[row] and x_values[column]; None: not tried.

    best: the best cell without diverged runs. larger: whether larger scores are better.
    """

    title: str
    x_name: str
    y_name: str
    z_name: str
    x_values: Sequence[str]
    y_values: Sequence[str]
    scores: Sequence[Sequence[Score | None]]
    best: Cell | None
    larger: bool
    note: str = ""


def heatmap(settings: Iterable[Setting], x: str, y: str) -> list[Grid]:
    """A grid for each optimizer that has at least two values of both keys; numbers or names, in their order.

    settings: of one task. x, y: dotted keys. Scores are of the best epochs; where further settings vary, of the best
    setting in each cell, with a note. Raises ValueError for an unknown key.
    """
    if x == y:
        raise ValueError(f"a heat map needs two settings, not {x} twice")
    found = scores(list(settings), [x, y], "best")
    return [
        grid(optimizer, by_place, x, y)
        for optimizer, by_place in found.items()
        if all(len({place[i] for place in by_place}) > 1 for i in (0, 1))
    ]


def grid(optimizer: str, by_place: dict[tuple, Score], x: str, y: str) -> Grid:
    columns, rows = (ordered({place[i] for place in by_place}) for i in (0, 1))
    cells = [[by_place.get((column, row)) for column in columns] for row in rows]
    first = next(iter(by_place.values())).setting
    larger = larger_is_better(first)
    seeds = max(len(score.setting.runs) for score in by_place.values())
    several = any(score.candidates > 1 for score in by_place.values())
    notes = [f"means of {seeds} seeds"] * (seeds > 1) + ["the best of the other settings in each cell"] * several
    return Grid(
        *(optimizer, name_of(x), name_of(y), f"{name_of(f'val/{first.metric}')}, best epoch"),
        *(
            list(map(format_value, columns)),
            list(map(format_value, rows)),
            cells,
            best_cell(cells, larger),
            larger,
            "; ".join(notes),
        ),
    )


def ordered(values: set[Any]) -> list[Any]:
    """Numbers by size, then everything else by its text, shorter lists first."""
    texts = {value: format_value(value).rstrip("]") for value in values}
    return sorted(values, key=lambda value: (0, value, "") if is_number(value) else (1, 0, texts[value]))


def best_cell(cells: Sequence[Sequence[Score | None]], larger: bool) -> Cell | None:
    found = {
        (i, j): score.mean
        for i, row in enumerate(cells)
        for j, score in enumerate(row)
        if score and score.mean is not None and not score.diverged
    }
    return (max if larger else min)(found, key=found.__getitem__) if found else None
