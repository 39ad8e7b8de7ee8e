"""Styles of series: up to eight in a figure differ in colour, dash and marker; more share colours.

An optimizer has the same colour in all figures of a report of up to eight. Seven colours are Okabe and Ito's (2008),
the eighth is from Tol's "muted" scheme (2021): distinguishable by the colour-blind; dashes and markers differ for grey
print.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#882255")
#: lengths on, off, ... in line widths
DASHES = ((), (6, 2), (6, 2, 1.5, 2), (1.5, 1.5), (8, 2, 1.5, 2, 1.5, 2), (3, 3), (10, 3), (12, 2, 4, 2))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
ROWS = 7  # styles of a colour
#: the order in which optimizers choose a colour
KNOWN = (
    *("sgd", "momentum", "adam", "aggmo", "momo", "adamp", "nesterov", "adamw"),
    *("radam", "aggmo_exp", "lars", "sgdp", "rmsprop", "momo_adam", "aggmo_general", "radamw"),
    *("sgdw", "nadam", "amsgrad", "adabound", "adadelta", "amsbound", "muon", "lamb"),
    *("adafactor", "prodigy", "adabelief", "soap", "lion", "ademamix", "adopt", "adan"),
    *("qhm", "signum", "qhadam", "yogi"),
)  # fmt: skip


@dataclass(frozen=True)
class SeriesStyle:
    """colour: "#rrggbb". dash: lengths of ink and gap in line widths; () is a solid line. marker: matplotlib's."""

    colour: str
    dash: tuple[float, ...]
    marker: str


def style(colour: int, row: int) -> SeriesStyle:
    """The row-th style of a colour. Row 0 differs in everything; no two styles share both dash and marker."""
    last = len(COLOURS) - 1
    if colour == last:
        return SeriesStyle(COLOURS[last], DASHES[row - 1], MARKERS[last])  # row 0: the last dash
    return SeriesStyle(COLOURS[colour], DASHES[(colour + row) % last], MARKERS[(colour + 2 * row) % last])


#: row by row
STYLES = [style(colour, row) for row in range(ROWS) for colour in range(len(COLOURS))]
EVERY = [SeriesStyle(*parts) for parts in product(COLOURS, DASHES, MARKERS)]


def style_of(name: str, among: Iterable[str] = ()) -> SeriesStyle:
    """The style of one series in a figure of its own. among: the optimizers of the other figures."""
    return styles_of([name], among)[0]


def styles_of(names: Sequence[str], among: Iterable[str] = ()) -> list[SeriesStyle]:
    """A style for each series of one figure, all different: up to eight in colour, more in colour, dash or marker.

    names: of the series' optimizers, `adam+lookahead` for wrapped ones, in any order. A repeated one, another setting
    of its optimizer, has a colour of its own too, as long as there are enough. among: the optimizers of the report's
    other figures, where the series are to have the same colours.
    """
    colours = colours_of({*names, *among})
    few = len(names) <= len(COLOURS)
    if few and len({colours[name] for name in names}) < len(set(names)):
        colours = colours_of(set(names))
    found: dict[int, SeriesStyle] = {}
    earlier = [names[:i].count(name) for i, name in enumerate(names)]
    for i in sorted(range(len(names)), key=lambda i: (earlier[i], precedence(names[i]))):
        own = [style(colours[names[i]], row) for row in range(ROWS)]
        taken = {each.colour for each in found.values()} | {COLOURS[colours[name]] for name in names}
        free = [each for each in STYLES if each.colour not in taken]
        same_colour = [each for each in EVERY if each.colour == own[0].colour]
        candidates = [*(free if few and earlier[i] else own), *same_colour, *EVERY]
        found[i] = next((each for each in candidates if each not in found.values()), own[0])
    return [found[i] for i in range(len(names))]


def precedence(name: str) -> tuple[bool, int, str]:
    """Sorts known optimizers first, then others, then wrapped ones."""
    base, _, wrappers = name.partition("+")
    return bool(wrappers), KNOWN.index(base) if base in KNOWN else len(KNOWN), name


def colours_of(names: Iterable[str]) -> dict[str, int]:
    """A colour's number for each name: all different for up to eight names."""
    found: dict[str, int] = {}
    for name in sorted(names, key=precedence):
        base = name.partition("+")[0]
        preferred = (KNOWN.index(base) if base in KNOWN else zlib.crc32(base.encode())) % len(COLOURS)
        free = [number for number in range(len(COLOURS)) if number not in found.values()]
        found[name] = preferred if preferred in free or not free else free[0]
    return found
