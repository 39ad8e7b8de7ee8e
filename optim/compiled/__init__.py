"""The compiled lift: a rule as a program of its own, made of what the rule does to tensors without numbers.

trace      a rule is run once on tensors that have a shape and no content, and what it does is written down
source     what was written down, as loops in C
building   the loops, compiled and loaded
kernels    the step: one call for all parameters, on a CPU
dynamo     the step by torch.compile: on other devices, and for rules with operations that `trace` doesn't know
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..lifts import LIFTS, gather
from . import dynamo, kernels

if TYPE_CHECKING:
    from ..driver import Chain


def compiled(chain: Chain, loss: Any) -> None:
    """One pass over the memory: as fast as a hand-written step, once it is compiled."""
    items = list(gather(chain, loss))
    if items and not kernels.step(chain, items):
        dynamo.step(chain, items, loss)


LIFTS["compile"] = compiled
