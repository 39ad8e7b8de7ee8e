"""Every optimizer's search space fits its arguments, holds its default, and is searched by the same points."""

import dataclasses

import pytest

import optim
from optim.config import OptimizerConfig
from optim.ranges import ranged
from optim.search_range import halton, linear_range, log_range
from optim.search_space import SPACES, arguments_of, search_space, trial, value_of


def test_every_methods_space_fits_it():
    """All trials are settings that the class takes; its default is in the space, and the first trial."""
    kinds = optim.configs()
    assert set(SPACES) <= set(kinds)
    for name, kind in kinds.items():
        space, default = search_space(kind), kind()
        assert 1 <= len(space) <= 3 and ("lr" in space) != kind.estimates_lr, name
        for key, range_ in space.items():
            assert range_.contains(value_of(dataclasses.asdict(default), key)), (name, key)
            for bound in (range_.low, range_.high):  # both bounds are settings, SettingError otherwise
                kind(**arguments_of(kind, {key: bound}))
        if "lr" in space:
            assert space["lr"].high == pytest.approx(1e4 * space["lr"].low, rel=1e-3), name
        settings = [kind(**arguments_of(kind, trial(kind, k))) for k in range(20)]
        assert settings[0] == default and len(set(settings)) == 20, name


def test_trials_are_the_points_of_the_sequence():
    """The same place in everyone's space, but for rounding; alone, lr is spread as evenly as with a second number."""
    for k in range(1, 30):
        for name in ("adam", "sgd", "lion", "rmsprop", "prodigy"):
            kind = optim.configs()[name]
            numbers, space = trial(kind, k), search_space(kind)
            places = [space[key].position(number) for key, number in numbers.items()]
            assert places == pytest.approx(halton(k + 1, len(space)), abs=3e-3), (name, k)


def test_a_number_of_a_list_is_set_in_its_place():
    adam = optim.configs()["adam"]
    numbers = trial(adam, 1)
    assert [*numbers] == ["lr", "betas[0]"]
    assert arguments_of(adam, numbers) == {"lr": numbers["lr"], "betas": (numbers["betas[0]"], 0.999)}
    assert arguments_of(adam, {"betas[1]": 0.5, "betas[0]": 0.1}) == {"betas": (0.1, 0.5)}


@dataclasses.dataclass(frozen=True)
class Mine(OptimizerConfig):
    """A configuration of the user's."""

    name = "mine"
    lr: float = ranged(0.3, "[0, inf)")
    betas: tuple[float, float] = ranged((0.9, 0.99), "[0, 1)")
    nesterov: bool = False


def test_a_class_from_elsewhere_has_lr_or_what_it_declares():
    assert search_space(Mine) == {"lr": log_range(0.003, 30)}
    assert search_space(Mine, {"lr": 1.0}) == {"lr": log_range(0.01, 100)}

    class Declared(Mine):
        search_space = {"betas[1]": linear_range(0.5, 1), "lr": log_range(0.1, 1)}

    assert search_space(Declared) == Declared.search_space and [*trial(Declared, 3)] == ["betas[1]", "lr"]


@pytest.mark.parametrize(
    ("space", "defaults", "said"),
    [
        ({"momentum": linear_range(0, 1)}, {}, "the search space has momentum"),
        ({"betas[2]": linear_range(0, 1)}, {}, r"the search space has betas\[2\]"),
        ({"nesterov": linear_range(0, 1)}, {}, "nesterov, which is no number"),
        ({"lr": log_range(1, 10)}, {}, "lr, 1 to 10, log, lacks the default 0.3"),
        ({}, {"lr": 0.0}, "no default above 0"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(space, defaults, said):
    class Declared(Mine):
        search_space = space

    with pytest.raises(ValueError, match=said):
        search_space(Declared, defaults)
