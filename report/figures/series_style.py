"""Styles of series: an optimizer has the same colour, dash and marker in every figure.

Colours are Okabe and Ito's (2008), distinguishable by the colour-blind; dashes and markers differ for grey print.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ((), (6, 2), (6, 2, 1.5, 2), (1.5, 1.5), (8, 2, 1.5, 2, 1.5, 2), (3, 3), (10, 3))  # lengths on, off, ...
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
KNOWN = (
    *("sgd", "momentum", "adam", "aggmo", "momo", "adamp", "nesterov"),
    *("adamw", "radam", "aggmo_exp", "lars", "sgdp", "rmsprop", "momo_adam"),
    *("aggmo_general", "radamw", "sgdw", "nadam", "amsgrad", "adabound", "adadelta"),
    *("amsbound",),
)  # fmt: skip


@dataclass(frozen=True)
class SeriesStyle:
    """colour: "#rrggbb". dash: lengths of ink and gap in line widths; () is a solid line. marker: matplotlib's."""

    colour: str
    dash: tuple[float, ...]
    marker: str


#: a row of seven differs in everything; over the rows no colour has a dash or a marker twice, and no two styles share
#: both dash and marker, so that all 49 differ in grey print, too
STYLES = [
    SeriesStyle(COLOURS[i], DASHES[(i + row) % 7], MARKERS[(i + 2 * row) % 7]) for row, i in product(range(7), range(7))
]


def style_of(name: str) -> SeriesStyle:
    """The style of an optimizer, or of any other series, by its name.

    A wrapped one (`adam+lookahead`) has its optimizer's colour, with a dash and a marker of its own.
    """
    base, *wrappers = name.split("+")
    if base not in KNOWN:
        return changed(STYLES[zlib.crc32(base.encode()) % len(STYLES)], zlib.crc32(name.encode()))
    style = STYLES[KNOWN.index(base)]
    return changed(style, zlib.crc32(name.encode())) if wrappers else style


def changed(base: SeriesStyle, number: int) -> SeriesStyle:
    """One of 30 styles of the base's colour, none with its dash or marker, and none of STYLES."""
    dash = (DASHES.index(base.dash) + 1 + number % 6) % 7
    taken = base.marker, MARKERS[(2 * dash - COLOURS.index(base.colour)) % 7]  # the latter with this dash in STYLES
    free = [marker for marker in MARKERS if marker not in taken]
    return SeriesStyle(base.colour, DASHES[dash], free[number // 6 % 5])


def styles_of(names: Sequence[str]) -> list[SeriesStyle]:
    """A style for each series of one figure, all different up to 49 of a colour.

    names: of the series' optimizers. A repeated one (several of its settings), or an unknown one whose style is taken,
    keeps its colour and differs in dash and marker.
    """
    found: dict[int, SeriesStyle] = {}
    earlier = [names[:i].count(name) for i, name in enumerate(names)]
    for i in sorted(range(len(names)), key=earlier.__getitem__):  # the first of each name keeps its style
        variants = [variant(style_of(names[i]), earlier[i] + more) for more in range(49)]
        found[i] = next((each for each in variants if each not in found.values()), variants[0])
    return [found[i] for i in range(len(names))]


def variant(base: SeriesStyle, k: int) -> SeriesStyle:
    """The k-th of 49 styles of one colour; the first seven differ from each other in dash and in marker."""
    dash, marker = DASHES.index(base.dash) + k, MARKERS.index(base.marker) + 3 * k + k // 7
    return SeriesStyle(base.colour, DASHES[dash % 7], MARKERS[marker % 7])
