"""The graph that a rule is written down as.

A node stands for one number an element of the parameter ("each"), one a row of it ("row", its first index) or
one for the whole ("one"): hyper-parameters, step counts, sums and what is computed of them. That is all the source
needs to know to take the arithmetic of single numbers out of the loops over elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

RANK = {"one": 0, "row": 1, "each": 2}


class Unsupported(Exception):
    """The rule does something that has no place in such a graph."""


@dataclass(eq=False)
class Node:
    op: str  # "input", "number", "constant", "sum", "amax", else one of expression.ELEMENTWISE
    args: tuple[Any, ...]  # nodes and numbers; the slot of an input, the place of a number
    dtype: torch.dtype
    kind: str  # each, row, one
