"""Series are told apart, and an optimizer looks the same wherever it appears."""

from report.figures.looks import COLOURS, DASHES, KNOWN, LOOKS, MARKERS, look_of, looks_of


def test_known_optimizers_all_differ_and_neighbours_in_everything():
    looks = [look_of(name) for name in KNOWN]
    assert len(set(looks)) == len(KNOWN)
    first = looks[:7]
    for part in ("colour", "dash", "marker"):
        assert len({getattr(look, part) for look in first}) == 7
    assert len({(look.dash, look.marker) for look in looks}) == len(KNOWN)  # grey print is enough


def test_company_does_not_change_a_known_optimizers_look():
    for names in (["adam"], ["sgd", "adam"], ["my_rule", "adam", "adam"], [*KNOWN, "adam"]):
        assert looks_of(names)[names.index("adam")] == look_of("adam")


def test_settings_of_one_optimizer_share_its_colour():
    looks = looks_of(["adam", "sgd", "adam", "adam", "sgd"])
    assert [look.colour for look in looks] == [look_of(n).colour for n in ("adam", "sgd", "adam", "adam", "sgd")]
    assert len(set(looks)) == 5
    own = [looks[0], looks[2], looks[3]]
    assert len({look.dash for look in own}) == len({look.marker for look in own}) == 3


def test_settings_never_look_like_another_optimizer():
    looks = looks_of([name for name in KNOWN for _ in range(7)])
    assert len(set(looks)) == 7 * len(KNOWN) == 154


def test_wrapped_optimizers_have_their_optimizers_colour_and_a_look_of_their_own():
    wrapped = [f"adam+{wrapper}" for wrapper in ("lookahead", "gradient_noise", "ema", "swa")]
    looks = looks_of(["adam", *wrapped])
    assert {look.colour for look in looks} == {look_of("adam").colour} and len(set(looks)) == 5
    assert not {look.dash for look in looks[1:]} & {look_of("adam").dash}


def test_unknown_names_are_told_apart_however_many():
    names = [f"rule_{i}" for i in range(40)]
    looks = looks_of(names)
    assert len(set(looks)) == 40 and not set(looks) & set(LOOKS)
    assert looks == looks_of(names)
    assert all(look.colour in COLOURS and look.dash in DASHES and look.marker in MARKERS for look in looks)


def test_more_settings_than_looks_still_have_one_each():
    assert len(looks_of(["adam"] * 60)) == 60
