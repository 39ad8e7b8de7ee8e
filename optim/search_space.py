"""Search spaces of optimizers, and the settings that a search tries in them.

    search_space(configs()["adam"])    {"lr": log_range(1e-05, 0.1), "betas[0]": complement_range(0.5, 0.98)}
    trial(configs()["adam"], 0)        {}: the first trial is the default setting
    trial(configs()["adam"], 1)        {"lr": 0.0001, "betas[0]": 0.942}

Every method has its lr on a log scale, within two decades of its default, so that shares of the space compare; one that
estimates its lr has none. SPACES declares other ranges, and a second number where there is one that its paper or common
practice tunes. A class from elsewhere may have an attribute `search_space` like SPACES' entries. Trial k is the same
point of the cube for everyone: point k + 1 of the Halton sequence, whose first one, the middle, is left to the default.

The spaces are not in the rules' files, as they are no part of what decides a run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from .config import OptimizerConfig
from .search_range import SearchRange, Space, complement_range, halton, linear_range, log_range

DECADES = 2  # of lr, on each side of its default

# AlgoPerf's (github.com/mlcommons/algorithmic-efficiency, tuning_search_space.json in reference_algorithms/
# paper_baselines: adamw's at 479835b, nesterov's at 6633444)
BETA1 = complement_range(0.5, 0.98)
DECAY = log_range(5e-3, 1.0)
MOMENTUM = complement_range(0.7, 0.995)

SPACES: dict[str, Space] = {
    "sgd": {"lr": log_range(5e-4, 5.0)},  # without momentum larger rates than about its default are of use
    **dict.fromkeys(("momentum", "nesterov", "signum", "muon", "lars"), {"momentum": MOMENTUM}),
    "momo": {"beta": MOMENTUM},
    "sgdw": {"weight_decay": log_range(1e-4, 0.1)},  # ours, about the authors'
    **dict.fromkeys(("adam", "nadam", "amsgrad", "radam", "adamp", "adabelief", "yogi"), {"betas[0]": BETA1}),
    **dict.fromkeys(("lion", "adopt", "lamb", "momo_adam", "soap"), {"betas[0]": BETA1}),
    **dict.fromkeys(("adamw", "radamw"), {"weight_decay": DECAY}),
    **dict.fromkeys(("adabound", "amsbound"), {"final_lr": log_range(1e-3, 10.0)}),  # the lr of the SGD that it becomes
    "adan": {"betas[0]": complement_range(0.9, 0.995)},  # ours, as the next ones
    "ademamix": {"alpha": log_range(0.5, 10.0)},
    "adadelta": {"rho": complement_range(0.5, 0.99)},
    "rmsprop": {"alpha": complement_range(0.9, 0.999)},  # torch's and the lecture's are in it
    "qhm": {"nu": linear_range(0.4, 1.0)},
    "qhadam": {"nus[0]": linear_range(0.4, 1.0)},
    "prodigy": {"d_coef": log_range(0.01, 100.0)},  # by which its authors advise to tune, in place of lr
}


def search_space(kind: type[OptimizerConfig], defaults: Mapping[str, Any] | None = None) -> dict[str, SearchRange]:
    """The ranges by argument. defaults: arguments whose defaults are others than the class's.

    Raises ValueError for a declared argument that the class does not have, or that is no number, for one whose range
    does not hold its default, and if there is nothing to search.
    """
    given = {**default_arguments(kind), **(defaults or {})}
    lr = value_of(given, "lr")
    declared = dict(getattr(kind, "search_space", SPACES.get(kind.name, {})))
    if "lr" not in declared and not kind.estimates_lr and lr:
        declared = {"lr": around(lr), **declared}
    if not declared:
        raise ValueError(
            f"{kind.label()}: its lr has no default above 0 about which to search, nor has it a search_space"
        )
    for key, range_ in declared.items():
        value = value_of(given, key)
        if value is None:
            raise ValueError(f"{kind.label()}: the search space has {key}, which is no number of its arguments")
        if not range_.contains(value):
            raise ValueError(f"{kind.label()}: the search space of {key}, {range_}, lacks the default {value:g}")
    return declared


def trial(kind: type[OptimizerConfig], k: int, defaults: Mapping[str, Any] | None = None) -> dict[str, float]:
    """The numbers of trial k >= 0 by argument; none for the first trial, which is the default setting."""
    space = search_space(kind, defaults)
    if k == 0:
        return {}
    place = halton(k + 1, len(space))
    return {key: range_.value(x) for (key, range_), x in zip(space.items(), place, strict=True)}


def arguments_of(
    kind: type[OptimizerConfig], numbers: Mapping[str, float], defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The arguments that have these numbers: {"betas": (0.942, 0.999)} of {"betas[0]": 0.942}."""
    given = {**default_arguments(kind), **(defaults or {})}
    found: dict[str, Any] = {}
    for key, number in numbers.items():
        name, place = name_and_place(key)
        if place is None:
            found[name] = number
        else:
            values = found.get(name, given[name])
            found[name] = (*values[:place], number, *values[place + 1 :])
    return found


def around(lr: float) -> SearchRange:
    """Two decades on each side of a learning rate."""
    return SearchRange(float(f"{lr / 10**DECADES:.3g}"), float(f"{lr * 10**DECADES:.3g}"))


def default_arguments(kind: type[OptimizerConfig]) -> dict[str, Any]:
    fields = dataclasses.fields(kind)
    return {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}


def value_of(arguments: Mapping[str, Any], key: str) -> float | None:
    """The number that a key names; None if there is none."""
    name, place = name_and_place(key)
    value = arguments.get(name)
    if place is not None:
        value = value[place] if isinstance(value, tuple | list) and place < len(value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def name_and_place(key: str) -> tuple[str, int | None]:
    """("betas", 0) of betas[0], ("lr", None) of lr."""
    found = re.fullmatch(r"(\w+)\[(\d+)\]", key)
    return (found[1], int(found[2])) if found else (key, None)
