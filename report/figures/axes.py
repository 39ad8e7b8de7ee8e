"""Logarithmic axes of matplotlib."""

from __future__ import annotations

from typing import Any


def log_axis(axes: Any, which: str = "y") -> None:
    """A logarithmic axis; within two decades its labels are plain numbers, as many as there is room for."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    axis = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    low, high = getattr(axes, f"get_{which}lim")()
    if high < 100 * low:
        axis.set_major_locator(within_two_decades(low, high))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())  # half of the time of drawing would go into ticks
    elif 5e-5 < low and high < 5e5:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # 0.001, as on the command line
    axis.set_minor_formatter(NullFormatter())


def within_two_decades(low: float, high: float) -> Any:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if high < 3 * low:
        return MaxNLocator(4)  # round numbers: powers of ten and their halves would be one or none
    return LogLocator(subs=(1, 2, 3, 5) if high < 8 * low else (1, 2, 5))
