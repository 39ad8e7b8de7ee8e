"""What a run by itself prints at its start."""

import pytest
from runs import configure

from runner.train.build import default_lr_hints


@pytest.mark.parametrize(
    ("words", "rates"),
    [
        ([], "-m optim.lr=0.001,0.01,0.1,1 "),
        (["optim=adam"], "-m optim.lr=1e-05,0.0001,0.001,0.01 "),
        (["optim.lr=0.03"], ""),
        (["optim=prodigy"], ""),
        (["task=quadratic"], ""),
    ],
)
def test_a_learning_rate_that_no_one_has_chosen_is_said_to_be_the_default(words, rates):
    lines = default_lr_hints(configure(*words))
    assert [rates in line for line in lines] == ([True] if rates else [])
