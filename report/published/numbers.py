"""Published numbers as data: configs/published/<name>.yaml, checked on reading; named like the experiment.

A file has the `protocol` (settings that our runs must have) and `numbers`: blocks of one quantity from one source, with
a row a method. A row has one value, or points by learning rate or epoch.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "published"

#: from a run's value to the published unit
UNITS: dict[str, Callable[[float], float]] = {
    "": lambda value: value,
    "per cent": lambda value: 100 * value,
    "per cent error": lambda value: 100 * (1 - value),  # of an accuracy
}
#: places of a run's value: validation at the best or final epoch; the test set with the weights of those; rows of
#: epochs of training (of steps, where recorded) or validation; the last or the largest of all training steps
PLACES = ("best", "final", "test", "test_last", "train", "val", "last_step", "largest_step")
T = TypeVar("T")


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
    std: float | None = None


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
    compare_at: the epochs of a curve that the table compares.
    """

    what: str
    source: str
    metric: str
    where: str
    rows: Sequence[Row]
    unit: str = ""
    better: str = ""  # max, min, or neither
    chosen_by: str = "best"
    close: float | None = None
    close_relative: float | None = None
    tolerance: float = 0.0
    failed: float | None = None
    by: str = ""
    compare_at: Sequence[float] = ()

    def threshold(self, value: float) -> float:
        """How far from a published value still counts as close, in its unit."""
        return self.close if self.close is not None else (self.close_relative or 0.0) * abs(value)


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
    notes: Sequence[str] = field(default=())
    seeds: int | None = None
    exact: bool = False


def published_names(folder: Path = FOLDER) -> list[str]:
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml"))


def read_published(name: str, folder: Path = FOLDER) -> Published:
    """Raises ValueError for an unknown name and for a file that is not of this form."""
    known = published_names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, 2) or [other for other in known if name in other.split("/")]
        guess = f"; did you mean {' or '.join(near)}?" if near else "."
        raise ValueError(f"no published numbers are named {name}{guess} There are {', '.join(known)}")
    file = folder / f"{name}.yaml"
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{file.name} is no YAML: {' '.join(str(error).split())}") from None
    return build(Published, {"name": name, **as_mapping(raw, name)}, name)


def build(kind: type[T], raw: Any, where: str) -> T:
    """A dataclass of a mapping. Raises ValueError for unknown, missing and ill-typed keys."""
    given = as_mapping(raw, where)
    known = {entry.name: entry for entry in fields(kind)}  # pyright: ignore[reportArgumentType]
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: {key} is no key here; there are {', '.join(known)}")
    for key, entry in known.items():
        if key not in given and entry.default is MISSING:
            raise ValueError(f"{where}: {key} is missing")
    made = kind(**{key: READERS[str(known[key].type)](given[key], f"{where}: {key}") for key in given})
    if isinstance(made, Block):
        check(made, where)
    return made


def check(block: Block, where: str) -> None:
    """Raise ValueError where a block's parts do not go together."""
    for key, valid in (
        ("where", PLACES),
        ("unit", UNITS),
        ("better", ("", "max", "min")),
        ("chosen_by", ("best", "final", "train")),
        ("by", ("", "lr", "epoch")),
    ):
        if getattr(block, key) not in valid:
            raise ValueError(f"{where}: {key}={getattr(block, key)} is none of {', '.join(filter(None, valid))}")
    if (block.close is None) == (block.close_relative is None):
        raise ValueError(f"{where}: give either close or close_relative")
    if block.by == "epoch" and block.where not in ("train", "val"):
        raise ValueError(f"{where}: by=epoch goes with where=train or val, not {block.where}")
    for row in block.rows:
        if any((point.x is None) == bool(block.by) for point in row.points):
            raise ValueError(f"{where}: {row.method} needs {'points' if block.by else 'one value'}")


def as_mapping(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise ValueError(f"{where} is no mapping of keys")
    return raw


def as_list(raw: Any, where: str) -> list[Any]:
    if not isinstance(raw, list) or not raw:
        raise ValueError(f"{where} is no list, or an empty one")
    return raw


def as_text(raw: Any, where: str) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(f"{where}={raw} is no text")
    return raw.strip()


def as_number(raw: Any, where: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw != raw:
        raise ValueError(f"{where}={raw} is no number")
    return raw


def as_size(raw: Any, where: str) -> float:
    if as_number(raw, where) < 0:
        raise ValueError(f"{where}={raw} is not in [0, inf)")
    return raw


def as_flag(raw: Any, where: str) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"{where}={raw} is neither true nor false")
    return raw


def as_count(raw: Any, where: str) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 1:
        raise ValueError(f"{where}={raw} is no whole number from 1 on")
    return raw


def as_ours(raw: Any, where: str) -> list[OurMethod]:
    found = []
    for each in raw if isinstance(raw, list) else [raw]:
        settings = dict(as_mapping(each, where))
        optim = as_text(settings.pop("optim", None), f"{where}.optim")
        found.append(OurMethod(optim=optim, settings=settings))
    return found


def as_rows(raw: Any, where: str) -> list[Row]:
    return [as_row(each, f"{where}[{i}]") for i, each in enumerate(as_list(raw, where))]


def as_row(raw: Any, where: str) -> Row:
    given = dict(as_mapping(raw, where))
    if ("value" in given) == ("points" in given) or ("std" in given and "value" not in given):
        raise ValueError(f"{where}: give either value, and perhaps std, or points")
    if "value" in given:
        given["points"] = [[None, given.pop("value"), *([given.pop("std")] if "std" in given else [])]]
    return build(Row, given, where)


def as_points(raw: Any, where: str) -> list[Point]:
    found = []
    for i, each in enumerate(as_list(raw, where)):
        place = f"{where}[{i}]"
        x, value, *std = each if isinstance(each, list) and len(each) in (2, 3) else [None, None]
        x = x if x is None else as_size(x, place)
        found.append(Point(x, as_number(value, place), *(as_size(each, f"{place}: std") for each in std)))
    return found


READERS: dict[str, Callable[[Any, str], Any]] = {
    "str": as_text,
    "float": as_size,
    "float | None": as_size,
    "int | None": as_count,
    "bool": as_flag,
    "Mapping[str, Any]": as_mapping,
    "Sequence[str]": lambda raw, where: [as_text(each, where) for each in as_list(raw, where)],
    "Sequence[float]": lambda raw, where: [as_number(each, where) for each in as_list(raw, where)],
    "Sequence[OurMethod]": as_ours,
    "Sequence[Point]": as_points,
    "Sequence[Row]": as_rows,
    "Sequence[Block]": lambda raw, where: [
        build(Block, each, f"{where}[{i}]") for i, each in enumerate(as_list(raw, where))
    ],
}
