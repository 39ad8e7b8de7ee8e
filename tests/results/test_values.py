from __future__ import annotations

import pytest

from results.values import flat, format_metric, format_value, is_number, varying_keys


def test_flat_joins_keys_with_dots_and_leaves_lists():
    assert flat({"a": 1, "b": {"c": [1, 2], "d": {"e": None}}, "f": {}}) == {
        "a": 1,
        "b.c": [1, 2],
        "b.d.e": None,
        "f": {},
    }


@pytest.mark.parametrize(
    "value, text",
    [
        (True, "true"),
        (None, "null"),
        (0.1, "0.1"),
        (1e-8, "1e-08"),
        (30.0, "30"),
        (0.1234567, "0.1234567"),
        (0.1 + 0.2, "0.30000000000000004"),
        (7, "7"),
        ("cosine", "cosine"),
        ([0.0, 0.9], "[0,0.9]"),
        ((1, [True, None]), "[1,[true,null]]"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_values_are_written_as_the_command_line_takes_them(value, text):
    assert format_value(value) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (0.98765, "0.9877"),
        (1.0, "1.0000"),
        (0.0, "0.0000"),
        (0.001, "0.0010"),
        (1.2e-7, "1.2e-07"),
        (-4.5e-4, "-4.5e-04"),
        (123456.0, "123456.0000"),
        (1.25e9, "1.2e+09"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (3, "3"),
        ("", ""),
    ],
)
def test_metrics_have_four_decimals_unless_they_are_small_or_huge(value, text):
    assert format_metric(value) == text


def test_numbers_that_differ_have_different_texts():
    assert format_value(0.1234567) != format_value(0.1234568)


def test_booleans_are_no_numbers():
    assert is_number(1) and is_number(0.5) and not is_number(True) and not is_number("1")


def test_varying_keys_counts_only_settings_that_have_the_key():
    runs = [{"optim.name": "a", "x": 1, "y": 1}, {"optim.name": "a", "x": 2, "y": 1.0}, {"optim.name": "a", "z": 3}]
    assert varying_keys(runs) == ["x"]
