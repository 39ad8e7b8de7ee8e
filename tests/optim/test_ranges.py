"""Ranges of dataclass fields: what lies in them, and what the errors say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from optim.ranges import check, contains, ranged


@dataclass(frozen=True)
class Inner:
    decay: float = ranged(0.5, "(0, 1]")


@dataclass(frozen=True)
class Settings:
    lr: float = ranged(0.1, "[0, inf)")
    warmup: float | None = ranged(None, "[0, inf)")
    betas: tuple[float, ...] = ranged((0.9,), "[0, 1)")
    pair: tuple[float, float] = ranged((0.9, 0.999), "[0, 1)")
    layers: int = ranged(2, "[1, 8]")
    widths: tuple[int, ...] = ranged((), "[1, inf)")
    mode: str = ranged("none", "{none, reset}")
    free: float = -3.0
    declared: float = field(default=1.0, metadata={"range": "[0, 2]"})
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.5, -0.0], [1, 1.0, -1e-9, math.nan, math.inf]),
        ("(0, 1]", [1, 1e-300], [0, 0.0, 1.1]),
        ("[1, inf)", [1, 1e300], [0.99, math.inf, math.nan]),
        ("(-inf, inf)", [0, -1e300], [math.inf, -math.inf, math.nan, None, "1", True, False, [1]]),
        ("{none, reset}", ["none", "reset"], ["", "non", "none, reset", 0, None]),
    ],
)
def test_contains(range_, inside, outside):
    assert all(contains(range_, x) for x in inside)
    assert not any(contains(range_, x) for x in outside)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": -1.0}, "optim.lr=-1.0 is not in [0, inf)"),
        ({"lr": None}, "optim.lr=None is not in [0, inf)"),
        ({"warmup": -1.0}, "optim.warmup=-1.0 is not in [0, inf)"),
        ({"betas": (0.0, 1.2)}, "optim.betas[1]=1.2 is not in [0, 1)"),
        ({"betas": "0.9"}, "optim.betas='0.9' is not a list of values in [0, 1)"),
        ({"pair": (0.1, 0.2, 0.3)}, "optim.pair=(0.1, 0.2, 0.3) has 3 values, not 2"),
        ({"layers": 9}, "optim.layers=9 is not an integer in [1, 8]"),
        ({"layers": 1.5}, "optim.layers=1.5 is not an integer in [1, 8]"),
        ({"layers": True}, "optim.layers=True is not an integer in [1, 8]"),
        ({"widths": (8, 2.5)}, "optim.widths[1]=2.5 is not an integer in [1, inf)"),
        ({"mode": "reset "}, "optim.mode='reset ' is not in {none, reset}"),
        ({"declared": 3}, "optim.declared=3 is not in [0, 2]"),
        ({"inner": Inner(0.0)}, "optim.inner.decay=0.0 is not in (0, 1]"),
    ],
)
def test_check_names_field_value_and_range(values, message):
    with pytest.raises(ValueError) as error:
        check(Settings(**values), "optim.")
    assert str(error.value) == message


def test_check_accepts_what_is_in_range():
    check(Settings())
    check(Settings(warmup=3, betas=(), free=math.nan, widths=[3, 4]), "optim.")  # type: ignore


def test_a_misspelt_range_fails_where_it_is_declared():
    for text in ("0, 1", "[0; 1]", "[0, 1", "[0, one]"):
        with pytest.raises(ValueError):
            ranged(0.5, text)
