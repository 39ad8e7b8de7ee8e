"""Published numbers as data: configs/published/<name>.yaml, checked on reading; named like the experiment.

A file has the `protocol` (settings that our runs must have) and `numbers`: blocks of one quantity from one source, with
a row a method. A row has one value, or points by learning rate or epoch. `figures` say how a source draws its numbers.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from results.typed import as_mapping, load_yaml, read_dataclass
from results.values import format_value

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "published"

#: from a run's value to the published unit
UNITS: dict[str, Callable[[float], float]] = {
    "": lambda value: value,
    "per cent": lambda value: 100 * value,
    "per cent error": lambda value: 100 * (1 - value),  # of an accuracy
}
#: places of a run's value: validation at the best or final epoch; the test set with the weights of those; rows of
#: epochs of training (of steps, where recorded) or validation; the last or the largest of all training steps
Place = Literal["best", "final", "test", "test_last", "train", "val", "last_step", "largest_step"]


def size(default: Any) -> Any:
    """A field whose number is not negative."""
    return field(default=default, metadata={"range": "[0, inf)"})


@dataclass(frozen=True, kw_only=True)
class OurMethod:
    """A published method in this project: an optimizer, with its wrappers (adam+lookahead), and its settings.

    settings: keys of optim (momentum) or of a wrapper (lookahead.k). Other settings may have any value.
    """

    optim: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """x: the learning rate or epoch, None where a row has one value. value and std are in the published unit."""

    x: float | None
    value: float
    std: float | None = size(None)


@dataclass(frozen=True, kw_only=True)
class Row:
    """differs: how the published method deviates from its name, so that no run of ours is comparable."""

    method: str
    ours: Sequence[OurMethod]
    points: Sequence[Point]
    differs: str = ""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One quantity of one source.

    metric: a run's key for it. chosen_by: the value that chooses an optimizer's best setting, best, final or train.
    close (in the unit) or close_relative: the largest difference of two means that are close. tolerance: the error of
    reading or rounding. failed: at or below it, nothing was learnt. by: lr or epoch, where rows have points.
    compare_at: the epochs of a curve that the table compares. epochs_per_unit: of a curve's axis, where it is not one:
    points and compare_at are in units in the file, and in epochs once read. name: by which figures refer to the block.
    """

    what: str
    source: str
    metric: str
    where: Place
    rows: Sequence[Row]
    unit: Literal["", "per cent", "per cent error"] = ""
    better: Literal["", "max", "min"] = ""
    chosen_by: Literal["best", "final", "train"] = "best"
    close: float | None = size(None)
    close_relative: float | None = size(None)
    tolerance: float = size(0.0)
    failed: float | None = None
    by: Literal["", "lr", "epoch"] = ""
    compare_at: Sequence[float] = ()
    epochs_per_unit: float = field(default=1.0, metadata={"range": "(0, inf)"})
    name: str = ""

    def threshold(self, value: float) -> float:
        """How far from a published value still counts as close, in its unit."""
        return self.close if self.close is not None else (self.close_relative or 0.0) * abs(value)


@dataclass(frozen=True, kw_only=True)
class FigurePanel:
    """blocks: names of those whose rows it shows, of one method the first. methods: of these rows; empty: all of them.

    y_range: two ends; empty: as the values are. smooth: our curves over so many batches; 0: not. note: for the legend.
    """

    blocks: Sequence[str]
    methods: Sequence[str] = ()
    y_range: Sequence[float] = ()
    y_log: bool = False
    smooth: int = field(default=0, metadata={"range": "[0, inf)"})
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PublishedFigure:
    """kind: curves of the methods by epoch; their sensitivity to the learning rate; curves at the three best rates of
    each. name: of its file."""

    name: str
    title: str
    kind: Literal["curves", "sensitivity", "best_rates"]
    panels: Sequence[FigurePanel]


@dataclass(frozen=True, kw_only=True)
class Published:
    """seeds: the number of runs of each value, None if unknown. exact: nothing is random."""

    name: str
    title: str
    paper: str
    experiment: str
    task: str
    protocol: Mapping[str, Any]
    numbers: Sequence[Block]
    notes: Sequence[str] = ()
    seeds: int | None = field(default=None, metadata={"range": "[1, inf)"})
    exact: bool = False
    figures: Sequence[PublishedFigure] = ()


def published_names(folder: Path = FOLDER) -> list[str]:
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml"))


def read_published(name: str, folder: Path = FOLDER) -> Published:
    """Raises ValueError for an unknown name and for a file that is not of this form."""
    known = published_names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, 2) or [other for other in known if name in other.split("/")]
        guess = f"; did you mean {' or '.join(near)}?" if near else "."
        raise ValueError(f"no published numbers are named {name}{guess} There are {', '.join(known)}")
    raw = dict(as_mapping(load_yaml(folder / f"{name}.yaml", f"{name}.yaml"), name))
    if isinstance(raw.get("numbers"), list):
        raw["numbers"] = [expand_block(block) for block in raw["numbers"]]
    published = read_dataclass(Published, {"name": name, **raw}, name)
    for i, block in enumerate(published.numbers):
        check_block(block, f"{name}.numbers[{i}]")
    check_figures(published)
    return replace(published, numbers=[in_epochs(block) for block in published.numbers])


def in_epochs(block: Block) -> Block:
    """A block whose curves have epochs for the units of the published axis."""
    if block.epochs_per_unit == 1.0:
        return block
    rows = [
        replace(row, points=[replace(each, x=(each.x or 0.0) * block.epochs_per_unit) for each in row.points])
        for row in block.rows
    ]
    return replace(block, rows=rows, compare_at=[unit * block.epochs_per_unit for unit in block.compare_at])


def expand_block(block: Any) -> Any:
    """A block with its rows in full, for read_dataclass, which names what is wrong with the rest."""
    if not isinstance(block, dict) or not isinstance(block.get("rows"), list):
        return block
    return {**block, "rows": [expand_row(row) for row in block["rows"]]}


def expand_row(row: Any) -> Any:
    """value and std as a point without x; points and methods with the names of their parts."""
    if not isinstance(row, dict):
        return row
    row = dict(row)
    if "value" in row and "points" not in row:
        row["points"] = [[None, row.pop("value"), *([row.pop("std")] if "std" in row else [])]]
    if isinstance(points := row.get("points"), list):
        row["points"] = [
            dict(zip(("x", "value", "std"), each, strict=False)) if isinstance(each, list) and len(each) < 4 else each
            for each in points
        ]
    if (ours := row.get("ours")) is not None:
        row["ours"] = [expand_method(each) for each in (ours if isinstance(ours, list) else [ours])]
    return row


def expand_method(method: Any) -> Any:
    if not isinstance(method, dict):
        return method
    settings = {key: value for key, value in method.items() if key != "optim"}
    return {**({"optim": method["optim"]} if "optim" in method else {}), "settings": settings}


def check_block(block: Block, path: str) -> None:
    """Raise ValueError where a block's parts do not go together."""
    if not block.source.strip():
        raise ValueError(f"{path}.source is empty; name where the numbers are published")
    if (block.close is None) == (block.close_relative is None):
        raise ValueError(f"{path}: give either close or close_relative")
    if block.epochs_per_unit != 1.0 and block.by != "epoch":
        raise ValueError(f"{path}: epochs_per_unit goes with by=epoch")
    if block.by == "epoch" and block.where not in ("train", "val"):
        raise ValueError(f"{path}: by=epoch goes with where=train or val, not {block.where}")
    if not block.rows:
        raise ValueError(f"{path}.rows is empty")
    for row in block.rows:
        if not row.points or any((point.x is None) == bool(block.by) for point in row.points):
            raise ValueError(f"{path}: {row.method} needs {'points' if block.by else 'one value'}")


def check_figures(published: Published) -> None:
    """Raise ValueError where a figure names what is not there, or can't be drawn of what it names."""
    blocks = {block.name: block for block in published.numbers if block.name}
    names = [figure.name for figure in published.figures]
    for i, figure in enumerate(published.figures):
        path = f"{published.name}.figures[{i}]"
        if not re.fullmatch(r"[a-z0-9_]+", figure.name) or names.count(figure.name) > 1:
            raise ValueError(f"{path}.name={figure.name} is no name of its own of small letters, digits and _")
        if not figure.panels:
            raise ValueError(f"{path}.panels is empty")
        for k, panel in enumerate(figure.panels):
            check_panel(figure, panel, blocks, f"{path}.panels[{k}]")


def check_panel(figure: PublishedFigure, panel: FigurePanel, blocks: Mapping[str, Block], path: str) -> None:
    if unknown := [name for name in panel.blocks if name not in blocks]:
        raise ValueError(f"{path}.blocks: no block is named {unknown[0]}; there are {', '.join(blocks) or 'none'}")
    shown = [blocks[name] for name in panel.blocks]
    by = "lr" if figure.kind == "sensitivity" else "epoch"
    if len({(block.metric, block.where, block.unit) for block in shown}) != 1 or {block.by for block in shown} != {by}:
        raise ValueError(f"{path}.blocks: a figure of {figure.kind} shows blocks of one quantity by {by}")
    methods = {row.method for block in shown for row in block.rows}
    if unknown := [name for name in panel.methods if name not in methods]:
        raise ValueError(f"{path}.methods: {unknown[0]} is none of {', '.join(sorted(methods))}")
    if len(panel.y_range) not in (0, 2) or list(panel.y_range) != sorted(set(panel.y_range)):
        raise ValueError(f"{path}.y_range={format_value(list(panel.y_range))} is not a lower and an upper end")
