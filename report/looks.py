"""How an optimizer looks in every figure: the same colour, dash and marker wherever it appears.

Colours are Okabe and Ito's (2008), told apart by the colour-blind; dashes and markers tell them apart in grey print.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import product

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ((), (6, 2), (6, 2, 1.5, 2), (1.5, 1.5), (8, 2, 1.5, 2, 1.5, 2), (3, 3), (10, 3))  # lengths on, off, ...
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
KNOWN = (
    *("sgd", "momentum", "adam", "aggmo", "momo", "adamp", "nesterov"),
    *("adamw", "momo_adam", "sgdp", "aggmo_exp", "radam", "rmsprop", "lars"),
    *("aggmo_general", "radamw", "sgdw", "nadam", "amsgrad", "adabound", "adadelta"),
    *("amsbound",),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """colour: "#rrggbb". dash: lengths of ink and gap in line widths; () is a solid line. marker: matplotlib's."""

    colour: str
    dash: tuple[float, ...]
    marker: str


#: a row of seven neighbours differs in everything; further rows repeat the colours with another dash and marker
LOOKS = [Look(COLOURS[i], DASHES[(i + row) % 7], MARKERS[(i + row) % 7]) for row, i in product(range(7), range(7))]


def look_of(name: str) -> Look:
    """The look of an optimizer, or of any other series, by its name; wrapped ones (`adam+lookahead`) have their own."""
    if name in KNOWN:
        return LOOKS[KNOWN.index(name)]
    free = LOOKS[len(KNOWN) :]
    return free[zlib.crc32(name.encode()) % len(free)]
