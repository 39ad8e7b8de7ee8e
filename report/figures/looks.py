"""How an optimizer looks in every figure: the same colour, dash and marker wherever it appears.

Colours are Okabe and Ito's (2008), told apart by the colour-blind; dashes and markers tell them apart in grey print.
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
class Look:
    """colour: "#rrggbb". dash: lengths of ink and gap in line widths; () is a solid line. marker: matplotlib's."""

    colour: str
    dash: tuple[float, ...]
    marker: str


#: a row of seven neighbours differs in everything; over the rows no colour has a dash or a marker twice, nor have two
#: looks both dash and marker in common, so that all 49 are told apart without colours, too
LOOKS = [Look(COLOURS[i], DASHES[(i + row) % 7], MARKERS[(i + 2 * row) % 7]) for row, i in product(range(7), range(7))]


def look_of(name: str) -> Look:
    """The look of an optimizer, or of any other series, by its name.

    A wrapped one (`adam+lookahead`) has its optimizer's colour, with a dash and a marker of its own.
    """
    base, *wrappers = name.split("+")
    if base not in KNOWN:
        return changed(LOOKS[zlib.crc32(base.encode()) % len(LOOKS)], zlib.crc32(name.encode()))
    own = LOOKS[KNOWN.index(base)]
    return changed(own, zlib.crc32(name.encode())) if wrappers else own


def changed(base: Look, number: int) -> Look:
    """One of 30 looks of the base's colour, none with its dash or marker, and none of LOOKS."""
    dash = (DASHES.index(base.dash) + 1 + number % 6) % 7
    taken = base.marker, MARKERS[(2 * dash - COLOURS.index(base.colour)) % 7]  # the latter with this dash in LOOKS
    free = [marker for marker in MARKERS if marker not in taken]
    return Look(base.colour, DASHES[dash], free[number // 6 % 5])


def looks_of(names: Sequence[str]) -> list[Look]:
    """A look for each series of one figure, all different up to 49 of a colour.

    names: of the series' optimizers. Where one comes again (several of its settings), or where two unknown ones have
    the same look, the later ones keep the colour and differ in dash and marker.
    """
    found: dict[int, Look] = {}
    earlier = [names[:i].count(name) for i, name in enumerate(names)]
    for i in sorted(range(len(names)), key=earlier.__getitem__):  # first come first: they keep their own looks
        own = [variant(look_of(names[i]), earlier[i] + more) for more in range(49)]
        found[i] = next((each for each in own if each not in found.values()), own[0])
    return [found[i] for i in range(len(names))]


def variant(base: Look, k: int) -> Look:
    """The k-th of 49 looks of one colour; the first seven differ from each other in dash and in marker."""
    dash, marker = DASHES.index(base.dash) + k, MARKERS.index(base.marker) + 3 * k + k // 7
    return Look(base.colour, DASHES[dash % 7], MARKERS[marker % 7])
