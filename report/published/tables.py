"""Tables of published numbers beside ours, with a verdict for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

from report.published.agreement import RULE, Agreement, format_like, judge
from report.published.matching import MatchingSetting, matching_setting, of_task
from report.published.numbers import Block, Point, Published, Row, read_published
from report.selection import setting_names
from report.tables.table import Table
from report.tables.text import ABSENT
from results.settings import Setting
from results.values import format_value

COLUMNS = ("method", "quantity", "published", "ours, 95 % interval", "n", "our setting", "verdict")


@dataclass(frozen=True)
class ComparedValue:
    """One published value and ours for it."""

    block: Block
    row: Row
    point: Point
    ours: MatchingSetting
    agreement: Agreement


def published_table(name: str, ours: Sequence[Setting]) -> Table:
    """The published scores of each method that we have runs of, at its best, beside ours; curves at some epochs.

    name: of configs/published. Raises ValueError for an unknown one.
    """
    paper = read_published(name)
    found = list(compared_values(paper, ours))
    names = names_of(ours)
    rows = [[each.row.method, quantity(paper, each), *cells(paper, each, names), str(each.agreement)] for each in found]
    return Table(f"{paper.title}: published and ours", COLUMNS, rows, notes(paper, found))


def published_sweep_table(name: str, ours: Sequence[Setting]) -> Table | None:
    """The published scores at each learning rate that we have runs at; None where none are published, or we have none.

    Raises ValueError for an unknown name.
    """
    paper = read_published(name)
    found = list(compared_values(paper, ours, sweep=True))
    if not found:
        return None
    names = names_of(ours)
    rows = [[each.row.method, f"{each.point.x:g}", *cells(paper, each, names), str(each.agreement)] for each in found]
    columns = ("method", "lr", *COLUMNS[2:])
    return Table(f"{paper.title}: published and ours at each learning rate", columns, rows, notes(paper, found))


def nothing_to_compare(name: str, ours: Sequence[Setting]) -> str:
    """A sentence on what is published, and why none of our settings compares. Raises ValueError for an unknown name."""
    paper = read_published(name)
    rows = [row for block in paper.numbers for row in block.rows]
    methods = {row.method: " or ".join(dict.fromkeys(each.optim for each in row.ours)) for row in rows}
    published = ", ".join(f"{method} (optim={optim})" if optim else method for method, optim in methods.items())
    there = sorted({setting.optimizer for setting in ours})
    known = sorted({each.optim for row in rows for each in row.ours} & set(there))
    why = f"the settings of {', '.join(known)} are other methods" if known else f"these runs are of {', '.join(there)}"
    return f"Against {name}: nothing to compare. Published on {paper.task}: {published}; {why}."


def names_of(ours: Sequence[Setting]) -> dict[int, str]:
    return dict(zip(map(id, ours), setting_names(ours), strict=True))


def compared_values(paper: Published, every: Sequence[Setting], sweep: bool = False) -> Iterator[ComparedValue]:
    """The published values that we have runs for; sweep: at each learning rate."""
    candidates = of_task(paper, every)
    for block in paper.numbers:
        for row in block.rows:
            for point in compared_points(block, row, sweep):
                ours = matching_setting(paper, block, row, candidates, point.x if sweep else None)
                if ours:
                    if block.by == "lr" and not sweep:
                        ours = with_rate_difference(paper, block, row, candidates, ours)
                    yield ComparedValue(block, row, point, ours, judge(paper, block, row, point, ours))


def compared_points(block: Block, row: Row, sweep: bool) -> Sequence[Point]:
    if sweep:
        return row.points if block.by == "lr" else ()
    if block.by == "lr":
        return best_points(block, row)[:1]
    if block.by == "epoch":
        return [point for point in row.points if point.x in block.compare_at]
    return row.points


def with_rate_difference(
    paper: Published, block: Block, row: Row, candidates: Sequence[Setting], ours: MatchingSetting
) -> MatchingSetting:
    """The setting, with a difference where the settings that it was chosen among lack the best published rate."""
    best = best_points(block, row)
    at_rates = [matching_setting(paper, block, row, candidates, point.x) for point in best]
    if any(each and len(each.differences) == len(ours.differences) for each in at_rates):
        return ours
    rates = " or ".join(format_value(point.x) for point in best)
    return replace(ours, differences=[*ours.differences, f"not run at the best published lr, {rates}"])


def best_points(block: Block, row: Row) -> list[Point]:
    """The points of a row by learning rate with the best value: several where values are equal."""
    best = (max if block.better == "max" else min)(point.value for point in row.points)
    return [point for point in row.points if point.value == best]


def quantity(paper: Published, compared: ComparedValue) -> str:
    """The quantity's name, with the number of its source in the notes where there are several."""
    block, point = compared.block, compared.point
    unit = f", {block.unit}" if block.unit else ""
    when = {"epoch": f" after {round(point.x or 0.0, 2):g} epochs", "lr": " at the best lr", "": ""}[block.by]
    return f"{block.what}{when}{unit}{reference(paper, block)}"


def reference(paper: Published, block: Block) -> str:
    return f" [{list(paper.numbers).index(block) + 1}]" if len(paper.numbers) > 1 else ""


def cells(paper: Published, compared: ComparedValue, names: Mapping[int, str]) -> list[str]:
    """Published, ours, n, of how many where fewer than published, and our setting. names: of our settings, by id."""
    block, point, ours, found = compared.block, compared.point, compared.ours, compared.agreement
    value = format_like(block, point.value) + ("" if point.std is None else f" ± {format_like(block, point.std)}")
    mine = ABSENT if isnan(found.mean) else format_like(block, found.mean)
    if found.half > 0:
        mine += f" ± {format_like(block, found.half)}"
    if all(run.ending == "diverged" for run in ours.setting.runs):
        mine = "diverged"
    chosen = f", best of {ours.candidates}" if ours.candidates > 1 else ""
    n = f"{found.n} of {paper.seeds}" if found.n < (paper.seeds or 0) else str(found.n)
    return [value, mine, n, names[id(ours.setting)] + chosen]


def notes(paper: Published, found: Sequence[ComparedValue]) -> list[str]:
    """Sources, the rule of the verdicts, and missing methods."""
    used = [block for block in paper.numbers if any(compared.block is block for compared in found)]
    seeds = f", ± standard deviation over {paper.seeds} runs" if (paper.seeds or 1) > 1 else ""
    chosen = dict.fromkeys(CHOICES[block.chosen_by] for block in used)
    return [
        f"Published: {paper.paper}{seeds}.",
        *(f"{reference(paper, block).lstrip() or 'Source:'} {block.source}. {bounds_text(block)}" for block in used),
        *(
            [f"Ours: of each optimizer the setting that is closest to the protocol; of several, {' or '.join(chosen)}."]
            if used
            else []
        ),
        *RULE,
        *paper.notes,
        *missing_methods(paper, found),
    ]


CHOICES = {
    "best": "the best on validation, best epoch each",
    "final": "the best on validation after the last epoch",
    "train": "the best in training",
}


def bounds_text(block: Block) -> str:
    """The bounds of the rule for this block."""
    close = f"{block.close:g}" if block.close is not None else f"{100 * (block.close_relative or 0):g} %"
    points = " points" if block.unit and block.close is not None else ""
    error = f"; error of rounding or reading {block.tolerance:g}" if block.tolerance else ""
    failed = f"; at most {block.failed:g} is not learnt" if block.failed is not None else ""
    return f"Close: up to {close}{points}{error}{failed}."


def missing_methods(paper: Published, found: Sequence[ComparedValue]) -> list[str]:
    """Published methods that no run of ours has."""
    ours = {compared.row.method for compared in found}
    missing = dict.fromkeys(row.method for block in paper.numbers for row in block.rows if row.method not in ours)
    if not missing:
        return []
    return [f"Published too, but not among these runs: {', '.join(missing)}."]
