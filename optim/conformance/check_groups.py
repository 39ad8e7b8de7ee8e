"""Properties of parameter groups and the numbers in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import chain
from typing import Any

from torch import Tensor

from ..ranges import check_field
from .candidate import Candidate, copies
from .checks import check, differ, equal, evaluated


@check("several groups are one group")
def groups(candidate: Candidate) -> None:
    whole, parts = candidate.parameters(), candidate.parameters()
    split = [{"params": parts[:1]}, {"params": parts[1:3]}, {"params": parts[3:]}]
    a = candidate.train(candidate.build(whole), whole, 15)
    equal(candidate.train(candidate.build(split), parts, 15), a, "splitting the parameters into groups matters")


@check("add_param_group in mid-training")
def late_group(candidate: Candidate) -> None:
    params, late = candidate.parameters(), candidate.parameters(seed=5)
    optimizer, before = candidate.build(params), copies(late)
    candidate.train(optimizer, params, 4)
    optimizer.add_param_group({"params": late, "lr": optimizer.param_groups[0]["lr"] / 2})
    first, added = optimizer.param_groups
    assert added["lr"] == first["lr"] / 2, "the added group has not its learning rate"
    keys = first.keys() - optimizer.pipeline.global_state.keys() if candidate.is_own else added.keys()
    assert added.keys() == keys, "the added group has other keys"
    candidate.train(optimizer, params + late, 12, start=4)
    steps = [optimizer.state[p].get("step") for p in (params[0], late[0])] if candidate.is_own else [16, 12]
    assert steps == [16, 12], f"steps counted: {steps[0]} of 16, {steps[1]} of the added group's 12"
    assert differ(before, late), "the parameters of the added group have not moved"


@check("every number acts, and in its own group", own_only="the ranges of its numbers are not known")
def numbers_act(candidate: Candidate) -> None:
    fields = candidate.build(candidate.parameters()).group_schema.fields
    tries = {key: list(others(fields[key][1], x)) for key, x in candidate.defaults.items()}
    # a number may be without effect where another is 0 (a weight decay of 0, noise of variance 0)
    base = {key: tries[key][0] if _is_zero(x) and tries[key] else x for key, x in candidate.defaults.items()}
    for key in (key for key in base if tries[key]):
        # or where another is what it is, as long as a projection never fires
        settings = chain([base], ({**base, k: x} for k in base if k != key for x in tries[k]))
        if not any(_acts(candidate, key, x, setting) for setting in settings for x in tries[key]):
            raise AssertionError(f"{key} is ignored")


def _acts(candidate: Candidate, key: str, value: Any, setting: dict[str, Any]) -> bool:
    """Whether `value` in the second group changes anything there; AssertionError if it does in the first."""

    def trained(second: dict[str, Any]) -> list[Tensor]:
        params = candidate.parameters()
        optimizer = candidate.build([{"params": params[:1], **setting}, {"params": params[1:], **second}])
        candidate.train(optimizer, params, 6)
        for group in optimizer.param_groups:
            group["lr"] *= 2  # a number may be about changes of the learning rate
        candidate.train(optimizer, params, 6, start=6)
        return evaluated(candidate, optimizer, params)

    got, reference = trained({**setting, key: value}), trained(setting)
    if not candidate.is_global:
        equal(got[:1], reference[:1], f"{key} of one group acts in another")
    return differ(got, reference)


def _is_zero(x: Any) -> bool:
    return isinstance(x, int | float) and x == 0


def others(field: dataclasses.Field[Any], value: Any) -> Iterator[Any]:
    """Other values in the field's range; none where there is no number to change."""

    def near(x: float) -> list[float]:
        return [y for y in (x * 0.5, x + 0.1, x * 2, 0.1, 0.5, 0.0, x + 1000.0) if y != x]

    if isinstance(value, tuple | list):
        tries: list[Any] = [tuple(a * x + b for x in value) for a, b in ((0.5, 0.0), (0.9, 0.0), (0.5, 0.1))]
    elif value is None or isinstance(value, Tensor):
        tries = []
    else:
        tries = list(near(value))
    for other in tries:
        try:
            check_field(field, other)
        except ValueError:
            continue
        yield other
