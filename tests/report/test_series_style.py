"""Series are told apart, and an optimizer styles the same wherever it appears."""

from report.figures.series_style import COLOURS, DASHES, KNOWN, MARKERS, STYLES, style_of, styles_of


def test_known_optimizers_all_differ_and_neighbours_in_everything():
    styles = [style_of(name) for name in KNOWN]
    assert len(set(styles)) == len(KNOWN)
    first = styles[:7]
    for part in ("colour", "dash", "marker"):
        assert len({getattr(style, part) for style in first}) == 7
    assert len({(style.dash, style.marker) for style in styles}) == len(KNOWN)  # grey print is enough


def test_company_does_not_change_a_known_optimizers_look():
    for names in (["adam"], ["sgd", "adam"], ["my_rule", "adam", "adam"], [*KNOWN, "adam"]):
        assert styles_of(names)[names.index("adam")] == style_of("adam")


def test_settings_of_one_optimizer_share_its_colour():
    styles = styles_of(["adam", "sgd", "adam", "adam", "sgd"])
    assert [style.colour for style in styles] == [style_of(n).colour for n in ("adam", "sgd", "adam", "adam", "sgd")]
    assert len(set(styles)) == 5
    own = [styles[0], styles[2], styles[3]]
    assert len({style.dash for style in own}) == len({style.marker for style in own}) == 3


def test_settings_never_look_like_another_optimizer():
    styles = styles_of([name for name in KNOWN for _ in range(7)])
    assert len(set(styles)) == 7 * len(KNOWN) == 154


def test_wrapped_optimizers_have_their_optimizers_colour_and_a_look_of_their_own():
    wrapped = [f"adam+{wrapper}" for wrapper in ("lookahead", "gradient_noise", "ema", "swa")]
    styles = styles_of(["adam", *wrapped])
    assert {style.colour for style in styles} == {style_of("adam").colour} and len(set(styles)) == 5
    assert not {style.dash for style in styles[1:]} & {style_of("adam").dash}


def test_unknown_names_are_told_apart_however_many():
    names = [f"rule_{i}" for i in range(40)]
    styles = styles_of(names)
    assert len(set(styles)) == 40 and not set(styles) & set(STYLES)
    assert styles == styles_of(names)
    assert all(style.colour in COLOURS and style.dash in DASHES and style.marker in MARKERS for style in styles)


def test_more_settings_than_looks_still_have_one_each():
    assert len(styles_of(["adam"] * 60)) == 60
