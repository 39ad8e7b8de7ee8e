"""Published numbers beside ours, with a verdict for each: `report.py outputs/... --against aggmo/autoencoder`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from report.published.agreement import RULE, Agreement, judge, shown
from report.published.counterpart import Counterpart, counterpart, of_task
from report.published.numbers import Block, Point, Published, Row, published
from report.tables.table import Table
from report.tables.text import ABSENT
from results.run import Run
from results.settings import Setting, settings

COLUMNS = ("method", "quantity", "published", "ours, 95 % interval", "n", "our setting", "verdict")


@dataclass(frozen=True)
class Claim:
    """One published value and ours for it."""

    block: Block
    row: Row
    point: Point
    ours: Counterpart
    agreement: Agreement


def against(name: str, runs: Iterable[Run]) -> Table:
    """The published scores of each method that we have runs of, at its best, beside ours; curves at some epochs.

    name: of configs/published. Raises ValueError for an unknown one, with those that there are.
    """
    theirs = published(name)
    found = list(claims(theirs, settings(runs)))
    rows = [[each.row.method, quantity(theirs, each), *cells(each), str(each.agreement)] for each in found]
    return Table(f"{theirs.title}: published and ours", COLUMNS, rows, notes(theirs, found))


def against_sweep(name: str, runs: Iterable[Run]) -> Table | None:
    """The published scores at each learning rate that we have runs at; None where none are published, or we have none.

    Raises ValueError for an unknown name.
    """
    theirs = published(name)
    found = list(claims(theirs, settings(runs), sweep=True))
    if not found:
        return None
    rows = [[each.row.method, f"{each.point.x:g}", *cells(each), str(each.agreement)] for each in found]
    columns = ("method", "lr", *COLUMNS[2:])
    return Table(f"{theirs.title}: published and ours at each learning rate", columns, rows, notes(theirs, found))


def claims(theirs: Published, every: Sequence[Setting], sweep: bool = False) -> Iterator[Claim]:
    """What is compared; sweep: each learning rate by itself."""
    own = of_task(theirs, every)
    for block in theirs.numbers:
        for row in block.rows:
            for point in compared_points(block, row, sweep):
                ours = counterpart(theirs, block, row, own, point.x if sweep else None)
                if ours:
                    yield Claim(block, row, point, ours, judge(theirs, block, row, point, ours))


def compared_points(block: Block, row: Row, sweep: bool) -> Sequence[Point]:
    if sweep:
        return row.points if block.by == "lr" else ()
    if block.by == "lr":
        return [(max if block.better == "max" else min)(row.points, key=lambda point: point.value)]
    if block.by == "epoch":
        return [point for point in row.points if point.x in block.compare_at]
    return row.points


def quantity(theirs: Published, claim: Claim) -> str:
    """What is compared, with the number of its source among the notes where there are several."""
    block, point = claim.block, claim.point
    unit = f", {block.unit}" if block.unit else ""
    when = f" after {point.x:g} epochs" if block.by == "epoch" else " at the best lr" if block.by == "lr" else ""
    return f"{block.what}{when}{unit}{reference(theirs, block)}"


def reference(theirs: Published, block: Block) -> str:
    return f" [{list(theirs.numbers).index(block) + 1}]" if len(theirs.numbers) > 1 else ""


def cells(claim: Claim) -> list[str]:
    """Published, ours, n and our setting."""
    block, point, ours, found = claim.block, claim.point, claim.ours, claim.agreement
    value = shown(block, point.value) + ("" if point.std is None else f" ± {shown(block, point.std)}")
    mine = ABSENT if isnan(found.mean) else shown(block, found.mean)
    if found.half > 0:
        mine += f" ± {shown(block, found.half)}"
    if all(run.ending == "diverged" for run in ours.setting.runs):
        mine = "diverged"
    chosen = f", best of {ours.rivals}" if ours.rivals > 1 else ""
    return [value, mine, str(found.n), ours.setting.name + chosen]


def notes(theirs: Published, found: Sequence[Claim]) -> list[str]:
    """Where the numbers come from, the rule of the verdicts, and what is missing."""
    used = [block for block in theirs.numbers if any(claim.block is block for claim in found)]
    seeds = f", ± standard deviation over {theirs.seeds} runs" if (theirs.seeds or 1) > 1 else ""
    chosen = dict.fromkeys(CHOICES[block.chosen_by] for block in used)
    return [
        f"Published: {theirs.paper}{seeds}.",
        *(f"{reference(theirs, block).lstrip() or 'Source:'} {block.source}. {bound(block)}" for block in used),
        *(
            [f"Ours: of each optimizer the setting that is closest to the protocol; of several, {' or '.join(chosen)}."]
            if used
            else []
        ),
        *RULE,
        *theirs.notes,
        *absentees(theirs, found),
    ]


CHOICES = {
    "best": "the best on validation, best epoch each",
    "final": "the best on validation after the last epoch",
    "train": "the best in training",
}


def bound(block: Block) -> str:
    """The block's numbers for the rule."""
    close = f"{block.close:g}" if block.close is not None else f"{100 * (block.close_relative or 0):g} %"
    points = " points" if block.unit and block.close is not None else ""
    error = f"; error of rounding or reading {block.tolerance:g}" if block.tolerance else ""
    failed = f"; at most {block.failed:g} is not learnt" if block.failed is not None else ""
    return f"Close: up to {close}{points}{error}{failed}."


def absentees(theirs: Published, found: Sequence[Claim]) -> list[str]:
    """Published methods that no run of ours has."""
    ours = {claim.row.method for claim in found}
    missing = dict.fromkeys(row.method for block in theirs.numbers for row in block.rows if row.method not in ours)
    if not missing:
        return []
    return [f"Published too, but not among these runs: {', '.join(missing)}."]
