"""Series are told apart by colour up to eight, then by dash and marker, and keep their colour from figure to figure."""

import pytest
from conftest import ROOT

from report.figures.series_style import COLOURS, DASHES, EVERY, KNOWN, MARKERS, STYLES, styles_of


@pytest.mark.parametrize(
    "names",
    [
        ["momentum", "radam"],
        ["my_rule", "adam", "momo"],
        ["sgd", "momentum", "adam", "adamw", "muon", "soap", "lion", "ademamix"],
        [*KNOWN[-8:]],
        ["adam", "adam+ema", "adam+lookahead", "aggmo", "aggmo+ema"],
        ["adam", "sgd", "adam", "adam", "sgd"],
        [f"rule_{i}" for i in range(8)],
        ["adam"] * 8,
    ],
)
def test_up_to_eight_series_differ_in_colour_dash_and_marker(names):
    styles = styles_of(names)
    for part in ("colour", "dash", "marker"):
        assert len({getattr(style, part) for style in styles}) == len(names)


def test_every_optimizer_of_the_project_has_its_place():
    assert sorted(KNOWN) == sorted(file.stem for file in (ROOT / "configs" / "optim").glob("*.yaml"))


def test_an_optimizer_has_one_colour_whatever_the_order_and_the_figure():
    names = ["radam", "momentum", "my_rule", "adam", "adam+ema"]
    colours = dict(zip(names, styles_of(names), strict=True))
    assert dict(zip(names[::-1], styles_of(names[::-1]), strict=True)) == colours
    for some in (["radam"], ["adam+ema", "my_rule"], ["momentum", "radam"]):
        assert styles_of(some, among=names) == [colours[name] for name in some]


def test_eight_of_many_optimizers_have_colours_of_their_own():
    styles = styles_of(KNOWN[4:12], among=KNOWN)
    assert len({style.colour for style in styles}) == 8


@pytest.mark.parametrize("names", [KNOWN, [f"rule_{i}" for i in range(40)], ["adam"] * 60, [*KNOWN] * 7])
def test_more_than_eight_differ_in_colour_dash_or_marker(names):
    styles = styles_of(names)
    assert len(set(styles)) == len(names)
    assert {style.colour for style in styles} <= {*COLOURS} and styles == styles_of(names)


def test_the_first_styles_differ_in_grey_print_too():
    assert len({(style.dash, style.marker) for style in STYLES}) == len(STYLES) == 56
    assert len(EVERY) == len(COLOURS) * len(DASHES) * len(MARKERS)
    many = styles_of(KNOWN)
    assert len({(style.dash, style.marker) for style in many}) == len(KNOWN)
