"""Learning-rate schedules: the factor on the learning rate as a pure function of progress.

    cosine(t) = final + (1 - final) (1 + cos(pi t/T)) / 2        per step
    step(e)   = lr_decay ^ #{milestones <= e}                    per epoch

Each is a small frozen dataclass; `LRScheduler` turns it into the learning rate of every step of a run and owns the one
schedule that depends on results (plateau). Pure factors need no state in a checkpoint and can be drawn, stacked and
tested without training. torch's own schedulers work on every optimizer of this package as well.

Warmup: for its first `warmup` epochs any schedule is multiplied by (s + 1) / W, with s the 0-based step and W the
warmup in steps (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2). cosine, linear and poly start to
fall after the warmup; the others count from the start, as the milestones of `step` do.

docs/schedules.md is the table: equations, keys, sources, and the names of other libraries.
"""

from .cosine import Cosine
from .decay import Constant, Exp, Linear, Poly, Step
from .phases import WSD, OneCycle
from .plateau import Plateau
from .power import InverseSqrt, Power
from .schedule import Schedule
from .scheduler import LRScheduler

SCHEDULES: dict[str, type[Schedule]] = {
    schedule.name: schedule
    for schedule in (Constant, Step, Exp, Cosine, Linear, Poly, WSD, OneCycle, InverseSqrt, Power, Plateau)
}

__all__ = [
    "SCHEDULES",
    "WSD",
    "Constant",
    "Cosine",
    "Exp",
    "InverseSqrt",
    "LRScheduler",
    "Linear",
    "OneCycle",
    "Plateau",
    "Poly",
    "Power",
    "Schedule",
    "Step",
]
